#!/usr/bin/perl
# Stands for pvesh, pveum, pvesm, pve-firewall and their like, by the name that it is called with. Checks every parameter against the table of
# facts (test/fixtures/proxmox), records every call, keeps what it was given so that a later look finds it, and fails as the real ones do when it
# is told to. It refuses more than the real ones: a secret among the arguments is a violation. Perl without modules, as in Debian's perl-base.
use strict;
use warnings;

my $home = '/usr/local/lib/proxmox-stand-in';
my ($program) = $0 =~ m{([^/]+)$};
my @args = @ARGV;
my $node = do { open my $f, '<', '/proc/sys/kernel/hostname' or die; my $n = <$f>; chomp $n; $n =~ s/\..*//; $n };
my $release = slurp("$home/release");
chomp $release;

sub slurp { my ($path) = @_; open my $f, '<', $path or return ''; local $/; my $t = <$f>; return defined $t ? $t : '' }
sub append { my ($path, $line) = @_; open my $f, '>>', $path or die "$path: $!"; print $f $line; close $f }
sub spew { my ($path, $text) = @_; open my $f, '>', "$path.new" or die "$path: $!"; print $f $text; close $f; rename "$path.new", $path }
sub escaped { my ($t) = @_; $t =~ s/([\\\n\t%\/])/sprintf '%%%02x', ord $1/ge; return $t }
sub unescaped { my ($t) = @_; $t =~ s/%([0-9a-f]{2})/chr hex $1/ge; return $t }
sub violation { append("$home/violations", join(' ', $program, @args) . ": $_[0]\n") }

# A parameter error: exit 255, text on stderr, nothing done (PVE::CLIHandler, PVE::Exception).
sub refuse {
    my ($key, $why) = @_;
    violation("$key: $why");
    print STDERR "400 Parameter verification failed.\n$key: $why\n";
    exit 255;
}
sub give_up { print STDERR "$_[0]\n"; exit 255 }

append("$home/calls", join("\t", map { escaped($_) } $program, @args) . "\n");

# --- told to fail: MODE, pattern, text ---
my ($failure, $failure_text) = ('', '');
for my $line (split /\n/, slurp("$home/failing")) {
    my ($mode, $pattern, $text) = split /\t/, $line, 3;
    next unless join(' ', $program, @args) =~ /$pattern/;
    ($failure, $failure_text) = ($mode, defined $text ? $text : 'it was told to fail');
}
if ($failure eq 'exit') { give_up($failure_text) }
if ($failure eq 'warn') { print STDERR "$failure_text\n" }

# --- the state: one file an object, `key=value` a line ---
sub file_of { return "$home/state/" . escaped($_[0]) }
sub load {
    my ($path) = @_;
    return undef unless -e file_of($path);
    my %object = map { my ($k, $v) = split /=/, $_, 2; ($k => unescaped($v)) } split /\n/, slurp(file_of($path));
    return \%object;
}
sub store { my ($path, $object) = @_; spew(file_of($path), join '', map { "$_=" . escaped($object->{$_}) . "\n" } sort keys %$object) }
sub below {
    my ($path) = @_;
    my $prefix = escaped("$path/");
    opendir my $d, "$home/state" or return ();
    return map { unescaped($_) } sort grep { index($_, $prefix) == 0 && substr($_, length $prefix) !~ /%2f/ } readdir $d;
}

# --- JSON out, keys in order, as --output-format json prints it ---
sub json {
    my ($value) = @_;
    if (ref $value eq 'HASH') { return '{' . join(',', map { json_text($_) . ':' . json($value->{$_}) } sort keys %$value) . '}' }
    if (ref $value eq 'ARRAY') { return '[' . join(',', map { json($_) } @$value) . ']' }
    return $value if $value =~ /^-?(0|[1-9]\d*)$/;
    return '[' . join(',', map { json_text($_) } split /\x1f/, substr $value, 1) . ']' if $value =~ /^\x1f/;
    return json_text($value);
}
sub json_text { my ($t) = @_; $t =~ s/(["\\])/\\$1/g; $t =~ s/\n/\\n/g; $t =~ s/\t/\\t/g; return qq{"$t"} }

# --- facts ---
sub rows { return map { [split /\t/, $_, -1] } grep { !/^#/ } split /\n/, slurp("$home/$_[0]") }
sub is_known { return grep { $_ eq $release } split / /, $_[0] }

sub check_value {
    my ($key, $value, $type, $rule) = @_;
    return if $type eq 'array' && $value eq '';
    if ($type eq 'integer') { refuse($key, "type check ('integer') failed - got '$value'") unless $value =~ /^[+-]?\d+$/ }
    if ($type eq 'number') { refuse($key, "type check ('number') failed - got '$value'") unless $value =~ /^[+-]?\d+(\.\d+)?$/ }
    if ($type eq 'boolean') { refuse($key, "type check ('boolean') failed - got '$value'") unless $value =~ /^(1|on|yes|true|0|off|no|false)$/i }
    if ($rule =~ s/ ?pattern (.*)$//) {
        my $pattern = $1;
        refuse($key, 'value does not match the regex pattern') unless $value =~ /^(?:$pattern)$/;
    }
    if ($rule =~ /length (\d+)-(\d*)/) {
        refuse($key, "value must be at least $1 characters long") if length $value < $1;
        refuse($key, "value may only be $2 characters long") if $2 ne '' && length $value > $2;
    }
    if ($rule =~ /enum (\S+)/) {
        my %choices = map { $_ => 1 } split /\|/, $1;
        refuse($key, "value '$value' does not have a value in the enumeration '" . join(', ', sort keys %choices) . "'") unless $choices{$value};
    }
    refuse($key, "value must have a minimum value of $1") if $rule =~ /from (-?[\d.]+)/ && $value < $1;
    refuse($key, "value must have a maximum value of $1") if $rule =~ /to (-?[\d.]+)/ && $value > $1;
}

# Options into a hash; a value that is missing is a flag. Repeated options become a list.
sub options {
    my ($rest) = @_;
    my (%given, @words);
    while (@$rest) {
        my $word = shift @$rest;
        if ($word =~ /^--?([a-z][\w-]*)(?:=(.*))?$/is) {
            my ($key, $value) = ($1, $2);
            $value = @$rest && $rest->[0] !~ /^--[a-z]/ ? shift @$rest : '' unless defined $value;
            violation("--$key is a secret on the command line") if $key =~ /^(password|confirmation-password|client-key|value|totp|encryption-key)$/ && $value ne '' && $value ne 'autogen' && $value !~ m{^/};
            $given{$key} = exists $given{$key} ? ($given{$key} =~ /^\x1f/ ? $given{$key} : "\x1f$given{$key}") . "\x1f$value" : $value;
        } else { push @words, $word }
    }
    return (\%given, @words);
}

my %format = map { $_ => 1 } qw(output-format human-readable noborder noheader quiet noproxy);
sub formatted {
    my ($given) = @_;
    my $format = delete $given->{'output-format'};
    refuse('output-format', 'unknown') if defined $format && $format !~ /^(json|json-pretty|text|yaml)$/;
    delete $given->{$_} for keys %format;
    return defined $format && $format =~ /^json/;
}

# --- the API ---
my %verbs = (get => 'GET', create => 'POST', set => 'PUT', delete => 'DELETE');
my @api;

sub template_of {
    my ($method, $path) = @_;
    @api = rows('api.tsv') unless @api;
    my @parts = split m{/}, $path;
    my ($best, $fixed);
    for my $row (@api) {
        my ($known, $of, $template, $parameter, $type) = @$row;
        next if $parameter ne '' || $of ne $method || !is_known($known);
        my @wanted = split m{/}, $template;
        # The last variable may hold slashes (/access/acl has none; storage volumes and CIDR do).
        my %vars;
        my $same = @wanted == @parts || (@wanted < @parts && @wanted && $wanted[-1] =~ /^\{(cidr|volume)\}$/);
        my $literals = 0;
        for my $i (0 .. $#wanted) {
            last unless $same;
            my $part = $i == $#wanted ? join('/', @parts[$i .. $#parts]) : $parts[$i];
            if ($wanted[$i] =~ /^\{(.*)\}$/) { $vars{$1} = $part }
            elsif ($wanted[$i] eq $part) { $literals++ }
            else { $same = 0 }
        }
        ($best, $fixed) = ([$template, $type, \%vars], $literals) if $same && (!defined $fixed || $literals > $fixed);
    }
    return $best ? @$best : ();
}

sub check_parameters {
    my ($method, $template, $vars, $given) = @_;
    my %facts = map { $_->[3] => $_ } grep { $_->[1] eq $method && $_->[2] eq $template && $_->[3] ne '' && is_known($_->[0]) } @api;
    my %all = (%$vars, %$given);
    for my $key (keys %all) {
        my $fact = $facts{$key};
        if (!$fact && $key =~ /^(.*?)\d+$/) { $fact = $facts{"$1\[n]"} }
        refuse($key, 'property is not defined in schema and the schema does not allow additional properties') unless $fact;
        check_value($key, $_, $fact->[4], $fact->[6]) for split /\x1f/, $all{$key} =~ /^\x1f(.*)/s ? $1 : "$all{$key}", -1;
    }
    for my $key (sort keys %facts) {
        refuse($key, 'property is missing and it is not optional') if $facts{$key}[5] eq 'required' && !exists $all{$key};
    }
}

sub child_of {
    my ($template) = @_;
    for my $row (@api) {
        return $1 if is_known($row->[0]) && $row->[3] eq '' && $row->[2] =~ m{^\Q$template\E/\{([^/]+)\}$};
    }
    return undef;
}

# A task: its UPID is printed, and whether it failed is known to its status only.
sub task {
    my ($type) = @_;
    my $upid = sprintf 'UPID:%s:%08X:%08X:%08X:%s::root@pam:', $node, $$, 1, time, $type;
    my $end = $failure eq 'task' ? $failure_text : $failure eq 'warnings' ? 'WARNINGS: 1' : 'OK';
    store("/nodes/$node/tasks/$upid/status", { status => 'stopped', exitstatus => $end, upid => $upid, type => $type, node => $node });
    print "starting $type\n", ($end eq 'OK' ? '' : "TASK ERROR: $end\n"), "$upid\n";
    exit 0;
}

sub call {
    my ($method, $path, $given) = @_;
    my ($template, $returns, $vars) = template_of($method, $path);
    give_up("No '" . lc($method) . "' handler defined for '$path'") unless defined $template;
    check_parameters($method, $template, $vars, $given);
    my $preset = "$home/answers/" . escaped("$method $path");
    if (-e $preset) { return \slurp($preset) }
    task((split m{/}, $template)[-1]) if $returns eq 'task';
    return acl($given) if "$method $template" eq 'PUT /access/acl';
    my $child = child_of($template);
    # A name may hold a slash (a network of an IP set): that one separates nothing.
    $path = join '/', map { /^\{(.*)\}$/ ? $vars->{$1} =~ s{/}{\x02}gr : $_ } split m{/}, $template;
    if ($method eq 'POST') {
        return undef unless defined $child;
        return rule_at($path, 0, $given) if $child eq 'pos';
        # The name of what is made: its own parameter; a token is named by its path already.
        my $name = defined $given->{$child} ? $given->{$child} : $given->{id};
        return undef unless defined $name;
        (my $file = $name) =~ s{/}{\x02}g;
        give_up("create failed: '$name' already exists") if load("$path/$file");
        store("$path/$file", { %$given, $child => $name });
        return undef;
    }
    if ($method eq 'PUT') {
        my $is_item = $template =~ /\}$/;
        my $object = load($path);
        give_up("'$path' does not exist") if $is_item && !$object && $template !~ m{/nodes/\{node\}$};
        $object = {} unless $object;
        my %change = %$given;
        delete $object->{$_} for split /[,; ]+/, delete $change{delete} || '';
        delete @change{qw(digest)};
        store($path, { %$object, %change });
        return undef;
    }
    if ($method eq 'DELETE') {
        give_up("'$path' does not exist") unless load($path);
        unlink file_of($path);
        unlink file_of($_) for below($path);
        return undef;
    }
    return built_in($path) if defined built_in($path);
    # An IP set is an object of its collection and a collection itself: what the call returns decides.
    my $object = $returns eq 'array' ? undef : load($path);
    return $object if $object;
    if (defined $child) { return [map { load($_) } below($path)] }
    give_up("'$path' does not exist") if $template =~ /\}$/ && $template !~ m{^/nodes/\{node\}$};
    return $returns eq 'array' ? [map { load($_) } below($path)] : {};
}

sub built_in {
    my ($path) = @_;
    return { version => "$release.2.1", release => "$release.2", repoid => 'abcdef01' } if $path eq '/version';
    return [{ node => $node, status => 'online', type => 'node', id => "node/$node" }] if $path eq '/nodes';
    return [{ type => 'node', name => $node, local => 1, online => 1, id => "node/$node", nodeid => 0 }] if $path eq '/cluster/status' && !-e file_of($path);
    return undef;
}

# One entry for each role and name; new rules go to the front, as the real ones do.
sub acl {
    my ($given) = @_;
    for my $kind (qw(user group token)) {
        for my $name (split /[,; ]+/, $given->{"${kind}s"} || '') {
            for my $role (split /[,; ]+/, $given->{roles}) {
                my $key = join ' ', $given->{path}, $kind, $name, $role;
                if ($given->{delete}) { unlink file_of('/access/acl/' . escaped($key)) }
                else { store('/access/acl/' . escaped($key), { path => $given->{path}, type => $kind, ugid => $name, roleid => $role, propagate => defined $given->{propagate} ? $given->{propagate} : 1 }) }
            }
        }
    }
    return undef;
}
sub rule_at {
    my ($path, $at, $rule) = @_;
    my @rules = map { load($_) } sort { ($a =~ /(\d+)$/)[0] <=> ($b =~ /(\d+)$/)[0] } below($path);
    splice @rules, defined $rule->{pos} ? $rule->{pos} : $at, 0, { enable => 0, %$rule };
    store("$path/$_", { %{ $rules[$_] }, pos => $_ }) for 0 .. $#rules;
    return undef;
}

sub print_result {
    my ($result, $as_json) = @_;
    if (ref $result eq 'SCALAR') { print $$result; return }
    return unless defined $result;
    # Without --output-format the real ones print tables, which nobody should read.
    violation('its output is read without --output-format json') unless $as_json || -t STDOUT;
    print json($result), "\n";
}

# --- the commands ---
if ($program eq 'pvesh') {
    my ($verb, $path, @rest) = @args;
    if (!defined $path) { give_up('ERROR: command needs a path') }
    if ($verb eq 'ls' || $verb eq 'usage') { exit 0 }
    my $method = $verbs{$verb} or give_up("ERROR: unknown command 'pvesh $verb'");
    my ($given, @words) = options(\@rest);
    give_up('400 too many arguments') if @words;
    my $as_json = formatted($given);
    $path =~ s{/+$}{};
    my $result = call($method, $path, $given);
    print_result($result, $as_json) if $method eq 'GET' || defined $result;
    exit 0;
}

my @commands = rows('commands.tsv');
my ($command, @rest);
for my $length (4, 3, 2, 1) {
    next if @args < $length - 1;
    my $name = join ' ', $program, @args[0 .. $length - 2];
    my ($row) = grep { $_->[1] eq $name && $_->[2] eq '' && is_known($_->[0]) } @commands;
    next unless $row;
    $name = $1 if $row->[3] =~ /^alias (.*)/;
    ($command, @rest) = ($name, @args[$length - 1 .. $#args]);
    last;
}
if (!defined $command) {
    # Programs without a synopsis of options: pveupdate, pveversion, pmxcfs.
    if ($program eq 'pveversion') { print "pve-manager/$release.2.1/abcdef01 (running kernel: 6.8.12-1-pve)\n" }
    elsif ($program ne 'pveupdate' && $program ne 'pmxcfs') { violation('there is no such command'); give_up("ERROR: unknown command '$program " . join(' ', @args) . "'") }
    exit 0;
}
my %facts = map { $_->[2] => $_ } grep { $_->[1] eq $command && $_->[2] ne '' && is_known($_->[0]) } @commands;
my @order = map { $_->[2] } grep { $_->[1] eq $command && $_->[2] ne '' && $_->[2] !~ /^--/ && is_known($_->[0]) } @commands;
my ($given, @words) = options(\@rest);
my $as_json = formatted($given);
for my $key (sort keys %$given) {
    my $fact = $facts{"--$key"};
    if (!$fact && $key =~ /^(.*?)\d+$/) { $fact = $facts{"--$1\[n]"} }
    refuse($key, 'Unknown option') unless $fact;
    check_value($key, $_, $fact->[3], $fact->[5]) for grep { length } split /\x1f/, $given->{$key};
}
for my $name (sort keys %facts) {
    (my $key = $name) =~ s/^--//;
    refuse($key, 'property is missing and it is not optional') if $name =~ /^--/ && $facts{$name}[4] eq 'required' && !exists $given->{$key};
}
my $preset = "$home/answers/" . escaped(join ' ', $program, @args);
if (-e $preset) { print slurp($preset); exit 0 }

sub lines_of_stdin { my @lines = <STDIN>; return scalar @lines }

# pveum and pvesm are another way to the API.
my %ways = (
    'user' => ['/access/users', 'userid'], 'group' => ['/access/groups', 'groupid'], 'role' => ['/access/roles', 'roleid'],
    'realm' => ['/access/domains', 'realm'], 'pool' => ['/pools', 'poolid'],
);
my %doing = (add => 'POST', modify => 'PUT', delete => 'DELETE', list => 'GET');
if ($command =~ /^pveum (user|group|role|realm|pool) (add|modify|delete|list)$/) {
    my ($path, $key) = @{ $ways{$1} };
    my $method = $doing{$2};
    # Pools of the command line are one parameter of the API (since 8).
    my ($name) = @words;
    refuse($key, 'property is missing and it is not optional') if $method ne 'GET' && !defined $name;
    my %all = %$given;
    $all{$key} = $name if $method eq 'POST';
    print_result(call($method, $method eq 'GET' || $method eq 'POST' ? $path : "$path/$name", \%all), $as_json);
    exit 0;
}
if ($command =~ /^pveum acl (modify|delete)$/) {
    refuse('path', 'property is missing and it is not optional') unless @words;
    call('PUT', '/access/acl', { %$given, path => $words[0], $1 eq 'delete' ? (delete => 1) : () });
    exit 0;
}
if ($command eq 'pveum acl list') { print_result(call('GET', '/access/acl', {}), $as_json); exit 0 }
if ($command eq 'pveum passwd') {
    refuse('userid', 'property is missing and it is not optional') unless @words;
    # Two lines from standard input when that is no terminal (access-control, CLI/pveum.pm).
    my $lines = lines_of_stdin();
    violation("it wants the password on two lines of standard input, got $lines") if $lines != 2;
    give_up("no such user ('$words[0]')") unless load("/access/users/$words[0]") || $words[0] =~ /\@pam$/;
    exit 0;
}
if ($command =~ /^pveum user token (add|remove|list)$/) {
    my ($user, $token) = @words;
    my $path = "/access/users/$user/token" . (defined $token ? "/$token" : '');
    if ($1 eq 'add') {
        give_up("Token already exists.") if load($path);
        store($path, { %$given, tokenid => $token });
        print_result({ 'full-tokenid' => "$user!$token", value => '00000000-1111-2222-3333-444444444444', info => { privsep => 1 } }, $as_json);
    } elsif ($1 eq 'remove') { unlink file_of($path) or give_up('no such token') }
    else { print_result([map { load($_) } below("/access/users/$user/token")], $as_json) }
    exit 0;
}
if ($command eq 'pvesm add') {
    my ($type, $storage) = @words;
    refuse('storage', 'property is missing and it is not optional') unless defined $storage;
    if (exists $given->{password} && $given->{password} eq '') { delete $given->{password}; violation('it wants the password on standard input') unless lines_of_stdin() }
    call('POST', '/storage', { %$given, type => $type, storage => $storage });
    exit 0;
}
if ($command eq 'pvesm set') { call('PUT', "/storage/$words[0]", $given); exit 0 }
if ($command eq 'pvesm remove') { call('DELETE', "/storage/$words[0]", {}); exit 0 }
if ($command =~ /^pvecm (create|add)$/ || $command eq 'pveam download') { task($1 ? "cluster$1" : 'download') }
if ($command =~ /^pve-firewall (\S+)$/) {
    my $enabled = slurp('/etc/pve/firewall/cluster.fw') =~ /^enable: 1$/m;
    if ($1 eq 'status') { print 'Status: ', ($enabled ? 'enabled' : 'disabled'), "/running\n" }
    elsif ($1 eq 'localnet') { print "local hostname: $node\n" }
    # An empty ruleset while it is off: a check that passes then says nothing (pve-firewall, Service/pve_firewall.pm).
    elsif ($1 eq 'compile') { print $enabled ? "ipset cmdlist:\niptables cmdlist:\nno changes\n" : "firewall disabled\n" }
    elsif ($1 eq 'simulate') { print "ACCEPT\n" }
    exit 0;
}
exit 0;
