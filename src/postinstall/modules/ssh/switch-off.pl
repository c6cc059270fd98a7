#!/usr/bin/perl
# switch-off.pl [-w] OURS FILE...: in sshd the first value wins, so whatever stands before our drop-in about the same keywords goes over it.
# Prints `FILE: line` for each of those lines; with -w they are commented out in the one FILE, which is printed as it has to be. Lines below
# `Match` are for the people whom they name: they are left alone.
use strict;
use warnings;

my $write = @ARGV && $ARGV[0] eq '-w' ? shift @ARGV : '';
my ($ours, @files) = @ARGV;
my $keyword_of = sub { return $_[0] =~ /^\s*"?([A-Za-z0-9]+)/ ? lc $1 : '' };

open my $in, '<:raw', $ours or die "$ours: $!\n";
my %set = map { ($keyword_of->($_) => 1) } grep { !/^\s*(#|$)/ } <$in>;
# The old name of one of them (sshd_config(5) of OpenSSH 8.7).
$set{challengeresponseauthentication} = 1 if $set{kbdinteractiveauthentication};
close $in;

for my $file (@files) {
    open my $from, '<:raw', $file or next;
    my $match = 0;
    while (my $line = <$from>) {
        my $keyword = $line =~ /^\s*#/ ? '' : $keyword_of->($line);
        $match = 1 if $keyword eq 'match';
        if (!$match && $set{$keyword}) {
            $line = "# disabled by Ironwake: $line";
            if (!$write) {
                my $text = substr $line, 24;
                $text =~ s/\s+\z//;
                print "$file: $text\n";
            }
        }
        print $line if $write;
    }
}
