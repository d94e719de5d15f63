#!/usr/bin/env perl
# Sends calls of a few commands in pipelines of exactly 16, so that the server reads and answers the
# same number of bytes at a time in every run.
#
#   scripts/calls.pl PORT CALLS KEYS WORD ...     each key in turn replaces %d, and %i by an IPv4
#                                                 address of its own

use strict;
use warnings;
use IO::Socket::INET;

my ($port, $calls, $keys, @words) = @ARGV;
my $server = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port) or die "can't connect: $!\n";
my %lines_of_a_reply = (
    'LW.RATELIMIT' => 6, 'LW.BURST' => 4, 'LW.AUDIT' => 2, 'LW.ATTEMPT' => 7, 'LW.EVENT' => 7, 'LW.CHECK' => 7,
    'SET' => 1, 'GET' => 2,
);
my $lines_of_a_reply = $lines_of_a_reply{$words[0]} or die "the reply of $words[0] is not known\n";

for (my $call = 0; $call < $calls;) {
    my ($batch, $missing) = ('', 0);
    for (1 .. 16) {
        last if $call == $calls;
        my $key = $call++ % $keys;
        # 198.18.0.0/15 is for benchmarks (RFC 2544).
        my $address = sprintf '198.%d.%d.%d', 18 + ($key >> 16), $key >> 8 & 255, $key & 255;
        my @arguments = map { s/%d/$key/r =~ s/%i/$address/r } @words;
        $batch .= '*' . @arguments . "\r\n" . join '', map { '$' . length($_) . "\r\n$_\r\n" } @arguments;
        $missing += $lines_of_a_reply;
    }
    syswrite($server, $batch) == length $batch or die "can't send: $!\n";
    while ($missing > 0) {
        sysread $server, my $reply, 65536 or die "the server closed the connection\n";
        die "the server answered: $reply\n" if $reply =~ /^-/m && $reply !~ /^:/;
        $missing -= $reply =~ tr/\n//;
    }
}
