#!/usr/bin/perl
# report.pl SEQ MODULE STEP RESULT STARTED_MS DURATION_MS OUTPUT_FILE DETAIL_FILE SECRETS_DIRS [DIFFERENCES_FILE]: one step report as one
# line of JSON. SECRETS_DIRS: folders with : between them.
# Only Debian's perl-base is there, so the encoder is our own.
use strict;
use warnings;

my ($seq, $module, $step, $result, $started, $duration, $output_file, $detail_file, $secrets_dirs, $differences_file) = @ARGV;

sub slurp {
    my ($path) = @_;
    open my $in, '<:raw', $path or return '';
    local $/;
    my $bytes = <$in>;
    return defined $bytes ? $bytes : '';
}

# Every line of a secret is masked wherever it turns up; shorter ones than four characters would mask half the text.
my @secrets = sort { length $b <=> length $a } grep { length >= 4 } map { split /\n/, slurp($_) } map { glob "$_/*" } split /:/, $secrets_dirs;
my $secret = @secrets ? join '|', map { quotemeta } @secrets : undef;

sub clean {
    my ($text, $limit) = @_;
    $text =~ s/$secret/********/g if defined $secret;
    $text =~ s/\e\[[0-9;?]*[A-Za-z]//g;
    $text =~ s/\r+\n/\n/g;
    $text =~ s/[\x00-\x08\x0b-\x1f\x7f]/?/g;
    if (length $text > $limit) {
        $text = substr $text, -$limit;
        $text =~ s/^[\x80-\xbf]+//;
    }
    # Bytes that are no UTF-8 are read as Latin-1: nothing that a program prints may break the report.
    utf8::decode($text);
    return $text;
}

sub quoted {
    my ($text) = @_;
    my %short = ("\n" => '\n', "\t" => '\t', '"' => '\"', '\\' => '\\\\');
    $text =~ s/(["\\\n\t])/$short{$1}/g;
    return qq{"$text"};
}

my $detail = clean(slurp($detail_file), 10_000);
$detail =~ s/\s+/ /g;
$detail =~ s/^ | $//g;
$detail = substr $detail, 0, 250;

# Lines of `expect`: what, expected, found, with tabs between them.
my @differences;
for my $line (split /\n/, defined $differences_file ? slurp($differences_file) : '') {
    my ($what, $expected, $found) = map { clean($_, 4_000) } split /\t/, $line, 3;
    next unless defined $found;
    push @differences, sprintf '{"what":%s,"expected":%s,"found":%s}', map { quoted(substr $_, 0, 250) } $what, $expected, $found;
    last if @differences == 50;
}

# perl-base has no :encoding layer.
my $line = sprintf "{\"seq\":%d,\"module\":%s,\"step\":%s,\"result\":%s,\"startedAt\":%.0f,\"durationMs\":%.0f,\"output\":%s,\"detail\":%s%s}\n",
    $seq, quoted($module), quoted($step), quoted($result), $started, $duration,
    quoted(clean(slurp($output_file), 16_384)), quoted($detail),
    @differences ? ',"differences":[' . join(',', @differences) . ']' : '';
utf8::encode($line);
print $line;
