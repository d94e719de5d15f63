#!/usr/bin/env perl
# Checks everything that a test's server has logged. Prints each fault and exits with 1 if there is one.
#
#   scripts/check-log.pl [OPTION ...] DIR      DIR is the server's directory
#
# Faults in its logs (`log`, and files whose names end in `.log`) are:
#   - a panic, caught or not, and a crash report
#   - more than 20 warnings of the module that differ only in their numbers, in one log file
#   - a secret: a token, a private key, a signing secret, the user or the path of a URL, the name of
#     a database or its user in a message of Postgres, or a line of standard input
#   - a word of a small file beside the log, because tests put their secrets there
#
#   --may-panic        allows any number of panics
#   --may-repeat TEXT  allows any number of warnings that contain TEXT
#   --may-show TEXT    allows TEXT, although it looks like a secret

use strict;
use warnings FATAL => 'all';

my $limit = 20;
my ($may_panic, @may_repeat, @may_show, $dir);
while (defined(my $word = shift)) {
    if ($word eq '--may-panic') { $may_panic = 1 }
    elsif ($word eq '--may-repeat') { push @may_repeat, shift }
    elsif ($word eq '--may-show') { push @may_show, shift }
    else { $dir = $word }
}
die "usage: $0 [OPTION ...] DIR\n" unless defined $dir && -d $dir;

# What a secret looks like, whoever logs it.
my @secret_shapes = (
    ['an access token', qr/eyJ[\w-]{8,}\.[\w-]+\.[\w-]*/],
    ['a refresh token', qr/lwr_[\w-]{16,}/],
    ['a private key', qr/PRIVATE KEY-----/],
    ['a signing secret', qr/whsec_[\w+\/=]{16,}/],
    ["a URL's user", qr/\w:\/\/[^\s\/]*@/],
    ['a secret of the tests', qr/hunter2|HIDDEN|querysecret|s3cret|a secret for /],
    ["a request's credentials", qr/\bBearer \S/],
);

# What the module itself may not log.
my @module_shapes = (
    ["a URL's path", qr/https?:\/\/(?!github\.com)[^\s\/]+\/\w/],
    ["a name in Postgres's message", qr/\b(?:database|role|user) "/],
);

my (@logs, @files);
opendir my $listing, $dir or die "$dir: $!\n";
for my $name (sort readdir $listing) {
    my $path = "$dir/$name";
    # A test may have left a FIFO there, which must not be opened.
    next unless -f $path;
    if ($name =~ /(?:^|\.)log$/) { push @logs, $path }
    elsif (-s _ < 65536 && $name !~ /\.(?:rdb|aof|so|conf)$/) { push @files, $path }
}
my $secrets = any_of(files_beside(), given());

my %faults;
check($_) for @logs;
print "$_\n" for sort keys %faults;
exit(%faults ? 1 : 0);

sub fault {
    my ($what, $line) = @_;
    $faults{"$what: $line"} = 1 if keys %faults < 20;
}

sub check {
    my ($path) = @_;
    my (%seen, %last);
    open my $log, '<:raw', $path or die "$path: $!\n";
    while (my $line = <$log>) {
        chomp $line;
        my $is_panic = $line =~ /panicked at|panic caught/;
        if ($is_panic && !$may_panic) { fault('a panic', $line) }
        if ($line =~ /BUG REPORT|ASSERTION FAILED|crashed by signal|Guru Meditation|^=== /) { fault('a crash', $line) }
        if (!$is_panic && $line =~ / # <module> (.*)/) {
            # Ids and addresses are numbers, too.
            (my $shape = $1) =~ s/\S*\d\S*/#/g;
            $seen{$shape}++;
            $last{$shape} = $line;
        }
        $line =~ s/\Q$_\E//g for @may_show;
        for my $shape (@secret_shapes, $line =~ /<module>/ ? @module_shapes : ()) {
            fault($shape->[0], $line) if $line =~ $shape->[1];
        }
        fault('a configured secret', $line) if defined $secrets && $line =~ $secrets;
    }
    for my $shape (keys %seen) {
        next if $seen{$shape} <= $limit || grep { index($last{$shape}, $_) >= 0 } @may_repeat;
        fault("a flood of $seen{$shape} warnings", $last{$shape});
    }
}

sub given { -t STDIN ? () : grep { length } map { chomp; $_ } <STDIN> }

# The words of the small files that are too long to appear by chance. Of a URL only what follows the
# host counts, because the rest may be shown.
sub files_beside {
    my @words;
    for my $path (@files) {
        open my $file, '<:raw', $path or next;
        for my $word (map { split } grep { !/^\s*#|^-----/ } <$file>) {
            $word =~ s/^\w+:\/\/[^\/]*|^whsec_//;
            push @words, $word if length $word >= 12;
        }
    }
    return @words;
}

# Returns a pattern that matches any of the words; undefined if there are none.
sub any_of {
    my %words = map { $_ => 1 } @_;
    return undef unless %words;
    my $any = join '|', map { quotemeta } sort keys %words;
    return qr/$any/;
}
