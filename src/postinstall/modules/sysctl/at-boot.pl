#!/usr/bin/perl
# at-boot.pl OURS: reads `systemd-analyze cat-config sysctl.d` on standard input, prints FILE, KEY as it stands there and VALUE, separated by tabs,
# for each assignment in a file after OURS that gives one of our keys another value: at the next boot that one would win (sysctl.d(5): the last
# file, and a key before a pattern).
use strict;
use warnings;

my ($ours) = @ARGV;
my ($file, $after, %wanted) = ('', 0);
my @later;

sub dotted {
    my ($key) = @_;
    $key =~ tr{./}{/.} if $key =~ m{^[^./]*/};
    return $key;
}

while (my $line = <STDIN>) {
    chomp $line;
    # The tool prints the path of each file before its content.
    if ($line =~ m{^# (/\S+\.conf)$}) {
        $file = $1;
        $after = 1 if $file ne $ours && %wanted;
        next;
    }
    next unless $line =~ m{^\s*-?\s*([^#;=\s][^=]*?)\s*=\s*(.*?)\s*$};
    my ($raw, $key, $value) = ($1, dotted($1), $2);
    if ($file eq $ours) { $wanted{$key} = $value }
    elsif ($after) { push @later, [$file, $raw, $key, $value] }
}

sub covers {
    my ($pattern, $key) = @_;
    my $regex = join '[^.]*', map { quotemeta } split /\*/, $pattern, -1;
    return $key =~ /^$regex$/;
}

for my $entry (@later) {
    my ($where, $raw, $key, $value) = @$entry;
    for my $mine (sort keys %wanted) {
        next if $wanted{$mine} eq $value || !(covers($mine, $key) || covers($key, $mine));
        # A pattern never wins over the key itself.
        next if $key =~ /\*/ && $mine !~ /\*/;
        print "$where\t$raw\t$value\n";
        last;
    }
}
