#!/usr/bin/perl
# ask.pl SERVER SECONDS [DOMAIN...]: asks a DNS server over UDP for the name servers of the root and for the address of each domain (RFC 1035). Ends with 0 when it
# answers one of them, whatever the answer is but a refusal: a server of a closed network may know its own domains only. Says otherwise what it
# got. A fresh node has no dig.
use strict;
use warnings;
use Socket qw(getaddrinfo AI_NUMERICHOST SOCK_DGRAM);

my ($server, $seconds, @domains) = @ARGV;
my ($error, $target) = getaddrinfo($server, 53, { flags => AI_NUMERICHOST, socktype => SOCK_DGRAM });
die "no address: $error\n" if $error;
socket my $socket, $target->{family}, SOCK_DGRAM, 0 or die "$!\n";
connect $socket, $target->{addr} or die "no way there: $!\n";

sub ask {
    my ($domain) = @_;
    # From the kernel's randomness: a forged answer has to guess it.
    open my $random, '<:raw', '/dev/urandom' or die "$!\n";
    read $random, my $id, 2;
    my $question = join('', map { pack 'C/a', $_ } split /\./, $domain) . "\0" . pack('n n', $domain eq '' ? 2 : 1, 1);
    for my $try (1 .. 2) {
        # A server that is away, or closed, is told by the kernel at the next call.
        send $socket, $id . pack('n5', 0x0100, 1, 0, 0, 0) . $question, 0 or return "nothing answers there: $!";
        my $until = time + $seconds;
        while ((my $left = $until - time) > 0) {
            my $ready = '';
            vec($ready, fileno $socket, 1) = 1;
            next unless select($ready, undef, undef, $left) > 0;
            my $answer = '';
            defined recv $socket, $answer, 4096, 0 or return "nothing answers there: $!";
            next if length $answer < 12 || substr($answer, 0, 2) ne $id;
            my $flags = unpack 'n', substr $answer, 2, 2;
            next unless $flags & 0x8000;
            return { 2 => 'it fails to look names up (SERVFAIL)', 5 => 'it refuses to answer this node' }->{ $flags & 0xf } // '';
        }
    }
    return 'no answer';
}

my $complaint = '';
for my $domain ('', @domains) {
    $complaint = ask($domain);
    exit 0 if $complaint eq '';
    # Whoever does not answer the one does not answer the other.
    last if $complaint eq 'no answer';
}
die "$complaint\n";
