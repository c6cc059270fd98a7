#!/usr/bin/perl
# enterprise.pl list FILE...: the enabled entries of apt source files that need a subscription, one a line.
# enterprise.pl disable FILE: the file with those entries switched off, on stdout.
# Both formats of apt: one-line (.list) and deb822 (.sources), where each stanza has its own switch (sources.list(5)).
use strict;
use warnings;

my ($mode, @paths) = @ARGV;

# The vendor's host, or a mirror's copy of a component that is for subscribers.
sub needs_subscription {
    my ($uris, $components) = @_;
    return 1 if grep { m{^https?://enterprise\.proxmox\.com(?:[:/]|$)}i } split ' ', $uris;
    return 1 if grep { $_ eq 'enterprise' || /-enterprise$/ } split ' ', $components;
    return 0;
}

sub one_line {
    my ($path, $text) = @_;
    my ($out, @found) = ('');
    for my $line (split /(?<=\n)/, $text) {
        if ($line =~ /^\s*deb(?:-src)?\s+(?:\[[^\]]*\]\s+)?(\S+)\s+(\S+)([^#\n]*)/ && needs_subscription($1, $3)) {
            push @found, "$path: $1 $2$3";
            $out .= "# disabled by Ironwake: $line";
        } else {
            $out .= $line;
        }
    }
    return ($out, @found);
}

sub deb822 {
    my ($path, $text) = @_;
    my ($out, @found) = ('');
    # An empty line ends a stanza; a comment does not.
    for my $stanza (split /(?<=\n)(?=[ \t]*\n)/, $text) {
        my (%field, $name);
        for my $line (split /\n/, $stanza) {
            next if $line =~ /^#/;
            if ($line =~ /^([A-Za-z0-9-]+):\s*(.*)$/) {
                $name = lc $1;
                $field{$name} = $2;
            } elsif (defined $name && $line =~ /^\s+(\S.*)$/) {
                $field{$name} .= " $1";
            }
        }
        my $off = ($field{enabled} // 'yes') =~ /^\s*(?:no|false|without|off|disable|0)\s*$/i;
        if (defined $field{uris} && !$off && needs_subscription($field{uris}, $field{components} // '')) {
            push @found, "$path: $field{uris} " . ($field{suites} // '') . ' ' . ($field{components} // '');
            $stanza =~ s/^enabled:.*\n?//gim;
            $stanza .= "\n" unless $stanza =~ /\n\z/;
            $stanza .= "Enabled: no\n";
        }
        $out .= $stanza;
    }
    return ($out, @found);
}

for my $path (@paths) {
    open my $in, '<:raw', $path or die "$path: $!\n";
    local $/;
    my $text = <$in> // '';
    my ($out, @found) = $path =~ /\.sources$/ ? deb822($path, $text) : one_line($path, $text);
    if ($mode eq 'list') { print "$_\n" for @found }
    else { print $out }
}
