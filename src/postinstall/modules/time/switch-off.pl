#!/usr/bin/perl
# switch-off.pl sources|settings FILE...: prints each line of the files that says something about our subject in our place, as FILE: LINE.
# switch-off.pl -w sources|settings FILE: the file with those lines as comments, on stdout.
# sources: who is asked (chrony.conf(5): server, pool, peer, refclock stays, and what DHCP brings); settings: makestep and who may ask.
use strict;
use warnings;

my $write = @ARGV && $ARGV[0] eq '-w' ? shift : '';
my ($subject, @paths) = @ARGV;
my $settings = qr/(?:makestep|allow|deny)(?:\s|$)/i;
my $sources = qr/(?:server|pool|peer)\s|sourcedir\s+\/run\//i;
my $ours = $subject eq 'sources' ? qr/^\s*(?:$sources|$settings)/ : qr/^\s*$settings/;

for my $path (@paths) {
    open my $in, '<:raw', $path or die "$path: $!\n";
    while (my $line = <$in>) {
        if ($line =~ $ours) {
            print $write ? "# switched off by Ironwake: $line" : "$path: $line";
        } elsif ($write) {
            print $line;
        }
    }
}
