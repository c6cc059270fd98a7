#!/usr/bin/perl
# hosts.pl NAME FQDN ADDRESS LOCAL ENTRIES: reads a hosts file on standard input and prints it as it has to be. The node's own line first where
# it was, comments and everybody else's lines as they are, our block at the end.
# LOCAL: file with the node's addresses. ENTRIES: file with lines `ADDRESS NAME...`.
use strict;
use warnings;

my ($name, $fqdn, $address, $local_file, $entries_file) = @ARGV;
my ($begin, $end) = ('# Managed by Ironwake (module hosts): changes in these lines are overwritten.', '# End of what Ironwake manages.');

sub lines_of {
    my ($path) = @_;
    open my $in, '<', $path or die "$path: $!\n";
    chomp(my @lines = <$in>);
    return @lines;
}
my %local = map { $_ => 1 } lines_of($local_file);
my @entries = lines_of($entries_file);

my $own = join ' ', $address, $fqdn eq $name ? $name : ($fqdn, $name);
my (@out, $in_block, $written);
while (my $line = <STDIN>) {
    chomp $line;
    if ($line eq $begin) { $in_block = 1; next }
    if ($in_block) { $in_block = 0 if $line eq $end; next }
    my ($data, $comment) = $line =~ /^([^#]*)(#.*)?$/;
    my ($where, @names) = split ' ', $data;
    if (!defined $where) { push @out, $line; next }
    my @others = grep { lc $_ ne lc $name && lc $_ ne lc $fqdn } @names;
    if (@others == @names) {
        # Debian's line for a name without an address, left by a former name.
        push @out, $line unless $where eq '127.0.1.1';
        next;
    }
    if ($where eq $address) {
        my $kept = join ' ', grep { length } $own, @others, $comment // '';
        # As it was written, when it says the same.
        $kept = $line if join(' ', $where, @names) eq join(' ', $own, @others);
        push @out, $kept unless $written++;
        next;
    }
    # Another address of the node, IPv6 beside IPv4: it may have the name too. The loopback may not, and no address that the node does not have.
    if ($local{$where}) { push @out, $line; next }
    next if $where eq '127.0.1.1';
    push @out, join ' ', $where, @others, $comment // () if @others;
}
if (!$written) {
    my $at = 0;
    # Behind the line of localhost.
    for my $i (0 .. $#out) { if ($out[$i] =~ /^\s*127\./) { $at = $i + 1; last } }
    splice @out, $at, 0, $own;
}
push @out, $begin, @entries, $end if @entries;
print "$_\n" for @out;
