#!/usr/bin/perl
# Stands for pve-firewall of Proxmox VE: reads /etc/pve/firewall/cluster.fw and /etc/pve/local/host.fw as pve-docs (pve-firewall) describes them and
# puts IPv4 input rules into the kernel by nft. As the real one: `compile` shows nothing while `enable` is 0, a line that it does not take is left
# out with a warning and exit status 0, and the management set always holds local_network.
use strict;
use warnings;

my $running = '/run/pve-firewall.running';
my (%options, %alias, %set, @rules);
my $network = qr{\d+(?:\.\d+){3}(?:/\d+)?};

sub parse {
    my ($path) = @_;
    open my $in, '<', $path or return;
    my ($section, $name) = ('', '');
    while (my $line = <$in>) {
        chomp $line;
        my $comment = $line =~ s/\s*#.*$//r;
        next if $comment =~ /^\s*$/;
        if ($comment =~ /^\[(OPTIONS|ALIASES|RULES)\]$/) { $section = $1; next }
        if ($comment =~ /^\[IPSET (\w[\w-]*)\]$/) {
            ($section, $name) = ('IPSET', $1);
            if (-e '/etc/pve/refuses-sets' && $name ne 'management') { warn "$path: ignore section: $line\n"; $section = 'ignored' }
            $set{$name} //= [] if $section eq 'IPSET';
            next;
        }
        if ($section eq 'OPTIONS' && $comment =~ /^(\w+):\s*(\S+)$/) { $options{"$path $1"} = $2 }
        elsif ($section eq 'ALIASES' && $comment =~ m{^(\w+)\s+($network)$}) { $alias{$1} = $2 }
        elsif ($section eq 'IPSET' && $comment =~ m{^($network)$} && $1 !~ m{/0$}) { push @{ $set{$name} }, $1 }
        elsif ($section eq 'RULES' && $comment =~ /^IN Ping\(ACCEPT\)(?: -log \w+)?$/) { push @rules, { macro => 'ping', action => 'ACCEPT' } }
        elsif ($section eq 'RULES' && $comment =~ m{^IN (ACCEPT|DROP|REJECT)(?: -source (\S+))? -p (tcp|udp) -dport ([\d:,]+)(?: -log \w+)?$}) {
            push @rules, { action => $1, source => $2, protocol => $3, ports => $4 };
        }
        elsif ($section ne 'ignored') { warn "$path: unable to parse line: $line\n" }
    }
}

parse('/etc/pve/firewall/cluster.fw');
my $on = ($options{'/etc/pve/firewall/cluster.fw enable'} // 0) eq '1' && ($options{'/etc/pve/local/host.fw enable'} // 1) eq '1';
parse('/etc/pve/local/host.fw');
push @{ $set{management} }, $alias{local_network} // '127.0.0.1';

sub ruleset {
    return '' unless $on;
    my $policy = $options{'/etc/pve/firewall/cluster.fw policy_in'} // 'DROP';
    my $text = "table inet pvefw {\n";
    for my $name (sort keys %set) {
        next unless @{ $set{$name} };
        $text .= "  set $name { type ipv4_addr; flags interval; auto-merge; elements = { " . join(', ', @{ $set{$name} }) . " } }\n";
    }
    $text .= "  chain input {\n    type filter hook input priority filter; policy accept;\n    iif lo accept\n    ct state established,related accept\n";
    $text .= "    meta nfproto ipv6 accept\n    ip saddr \@management tcp dport { 22, 3128, 5900-5999, 8006, 60000-60050 } accept\n";
    for my $rule (@rules) {
        if ($rule->{macro}) { $text .= "    icmp type echo-request accept\n"; next }
        my $source = $rule->{source} // '';
        if ($source =~ m{^\+(?:dc/)?(.+)$}) {
            if (!$set{$1}) { warn "no such ipset '$1'\n"; next }
            $source = "ip saddr \@$1 ";
        } elsif ($source ne '') { $source = "ip saddr $source " }
        $text .= "    $source$rule->{protocol} dport { " . ($rule->{ports} =~ tr/:/-/r) . ' } ' . lc($rule->{action}) . "\n";
    }
    return $text . '    ' . ($policy eq 'REJECT' ? 'reject' : 'drop') . "\n  }\n}\n";
}

sub inside {
    my ($address, $net) = @_;
    my ($base, $length) = split m{/}, $net;
    my $mask = (0xffffffff << (32 - ($length // 32))) & 0xffffffff;
    my ($x, $y) = map { unpack 'N', pack 'C4', split /\./ } $address, $base;
    return ($x & $mask) == ($y & $mask);
}

my ($command, @arguments) = @ARGV;
if ($command eq 'compile') {
    print ruleset();
} elsif ($command eq 'status') {
    printf "Status: %s/%s\n", $on ? 'enabled' : 'disabled', -e $running ? 'running' : 'stopped';
} elsif ($command eq 'simulate') {
    my %given = map { s/^--//r } @arguments;
    my $in = grep { inside($given{source}, $_) } @{ $set{management} };
    print "Test packet:\n  from    : outside\nACTION: ", (!$on || $in) ? 'ACCEPT' : 'DROP', "\n";
} elsif ($command eq 'start' || $command eq 'stop') {
    system('nft delete table inet pvefw 2> /dev/null');
    unlink $running;
    exit 0 if $command eq 'stop';
    open my $nft, '|-', 'nft', '-f', '-' or die;
    print $nft ruleset();
    close $nft or exit 1;
    open my $flag, '>', $running;
}
