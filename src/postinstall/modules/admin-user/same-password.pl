#!/usr/bin/perl
# same-password.pl FILE: a line of /etc/shadow on standard input; is the password in FILE the one that it holds the hash of?
use strict;
use warnings;

my $line = <STDIN>;
exit 1 unless defined $line;
my $hash = (split /:/, $line)[1];
exit 1 unless defined $hash && $hash =~ /^\$/;
open my $in, '<:raw', $ARGV[0] or exit 1;
my $password = <$in>;
chomp $password;
my $made = crypt $password, $hash;
exit(defined $made && $made eq $hash ? 0 : 1);
