#!/usr/bin/env perl
# A webhook receiver for the demo: prints its port, then every request, and answers 204 until it is
# killed.
#
#   scripts/receiver.pl SECRET     SECRET as in lockwatch.webhook-secret-file
#
# Checks each signature as Standard Webhooks describes, if this Perl has Digest::SHA. Listens on the
# loopback interface only.

use strict;
use warnings;
use IO::Socket::INET;

my ($secret) = @ARGV;
die "usage: $0 SECRET\n" unless defined $secret;
$secret =~ s/^whsec_//;
$| = 1;

my $server = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 16, ReuseAddr => 1) or die "can't listen: $!\n";
print $server->sockport, "\n";

while (my $client = $server->accept) {
    if (defined(my $request = <$client>)) {
        my %header;
        while (defined(my $line = <$client>)) {
            last if $line =~ /^\r?\n$/;
            $header{lc $1} = $2 if $line =~ /^([^:]+):\s*(.*?)\r?\n$/;
        }
        read $client, my $body, $header{'content-length'} // 0;
        $request =~ s/\s+\z//;
        print "$request\n";
        print "$_: ", $header{$_} // '', "\n" for qw(webhook-id webhook-timestamp webhook-signature);
        print "$body\n", verdict(\%header, $body), "\n\n";
        print $client "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";
    }
}

# A signature must match and the timestamp must be at most five minutes off.
sub verdict {
    my ($header, $body) = @_;
    eval { require Digest::SHA; require MIME::Base64; 1 } or return 'signature not checked: this Perl has no Digest::SHA';
    my ($id, $time) = map { $header->{$_} // '' } 'webhook-id', 'webhook-timestamp';
    return 'signature WRONG: too old' unless $time =~ /^\d+$/ && abs(time - $time) <= 300;
    my $mac = Digest::SHA::hmac_sha256("$id.$time.$body", MIME::Base64::decode_base64($secret));
    my $expected = 'v1,' . MIME::Base64::encode_base64($mac, '');
    my $found = grep { $_ eq $expected } split / /, $header->{'webhook-signature'} // '';
    return $found ? 'signature right' : 'signature WRONG';
}
