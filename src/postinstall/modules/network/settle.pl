#!/usr/bin/perl
# settle.pl names: stdin with every @MAC@ replaced by the name of the port that has it, on stdout.
# settle.pl file GATEWAY SERVER [KNOWN]: the same, and the line @management@ by the node's own address and its gateway. GATEWAY is keep, none or an
# address; SERVER is the address of the Ironwake server, for a node without a default
# route; empty where there is no server. KNOWN is what the node had when this was applied, "ADDRESS/LENGTH VIA" (VIA may be missing): it holds, whatever
# somebody has made of it since.
# Ends with 1 and one line on stderr when the node has no such port or no such address.
use strict;
use warnings;

my ($mode, $gateway, $server, $known) = @ARGV;

sub refuse { print STDERR "$_[0]\n"; exit 1 }

sub output_of {
    open my $pipe, '-|', @_ or refuse("cannot run $_[0]: $!");
    my @lines = <$pipe>;
    close $pipe;
    return @lines;
}

# What a bridge, a bond or a VLAN interface carries is the MAC of a port below it: they are no ports.
sub is_port {
    my ($name) = @_;
    open my $uevent, '<', "/sys/class/net/$name/uevent" or return 0;
    return !grep { /^DEVTYPE=(?:bridge|bond|vlan|vxlan|wwan)$/ } <$uevent>;
}

# A port of a bond shows the bond's MAC; its own one stands behind permaddr.
sub ports_by_mac {
    my %ports;
    for my $line (output_of('ip', '-o', 'link', 'show')) {
        my ($name, $mac) = $line =~ m{^\d+: ([^:@\s]+)\S*:? .* link/ether ([0-9a-f:]{17})} or next;
        next unless is_port($name);
        $mac = $1 if $line =~ / permaddr ([0-9a-f:]{17})/;
        push @{ $ports{$mac} }, $name;
    }
    return %ports;
}

# The interface that leads to everybody else, and what stands on it.
sub management {
    my ($default) = output_of('ip', '-4', 'route', 'show', 'default');
    my ($via, $device);
    if (defined $default) {
        ($via) = $default =~ / via (\S+)/;
        ($device) = $default =~ / dev (\S+)/;
    } elsif (($server // '') ne '') {
        my ($route) = output_of('ip', '-4', 'route', 'get', $server);
        ($device) = ($route // '') =~ / dev (\S+)/;
    }
    refuse('the node has neither a default route nor one to the Ironwake server') unless defined $device;
    my ($first) = grep { !/ secondary / } output_of('ip', '-4', '-o', 'addr', 'show', 'dev', $device, 'scope', 'global');
    my ($address) = ($first // '') =~ m{ inet (\d+(?:\.\d+){3}/\d+) } or refuse("$device, which leads to the server, has no address");
    return ($address, $via);
}

sub number { unpack 'N', pack 'C4', split /\./, $_[0] }

my $text = do { local $/; <STDIN> };
my %ports = $text =~ /\@[0-9a-f:]{17}\@/ ? ports_by_mac() : ();
$text =~ s{\@([0-9a-f:]{17})\@}{
    my @names = @{ $ports{$1} // [] };
    refuse("no port has the MAC $1; the node has: " . (join(', ', map { "$ports{$_}[0] ($_)" } sort keys %ports) || 'none')) if !@names;
    refuse("several ports have the MAC $1: @names") if @names > 1;
    $names[0]
}ge;

if ($mode eq 'file') {
    my ($address, $via) = ($known // '') =~ /\S/ ? split ' ', $known : management();
    $via = $gateway eq 'keep' ? $via : $gateway eq 'none' ? undef : $gateway;
    if (defined $via) {
        my ($host, $length) = split m{/}, $address;
        my $mask = $length == 0 ? 0 : (0xffffffff << (32 - $length)) & 0xffffffff;
        refuse("the gateway $via does not lie in the network of $address") if (number($host) & $mask) != (number($via) & $mask);
    }
    my $lines = "    address $address" . (defined $via ? "\n    gateway $via" : '');
    $text =~ s/^\@management\@$/$lines/m or refuse('no interface carries the management address');
}
print $text;
