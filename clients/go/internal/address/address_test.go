package address_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"lockwatch/internal/address"
)

func TestHops(t *testing.T) {
	for hop, expected := range map[string]string{
		"203.0.113.9":           "203.0.113.9",
		"203.0.113.9:0":         "203.0.113.9",
		"203.0.113.9:65535":     "203.0.113.9",
		"203.0.113.9:65536":     "",
		"203.0.113.9:000080":    "",
		"203.0.113.9:":          "",
		"203.0.113.09":          "",
		"2001:DB8::1":           "2001:db8::1",
		"[2001:db8::1]":         "2001:db8::1",
		"[2001:db8::1]:443":     "2001:db8::1",
		"[2001:db8::1]:x":       "",
		"[203.0.113.9]:80":      "",
		"fe80::1%eth0":          "fe80::1",
		"::ffff:203.0.113.9":    "203.0.113.9",
		"64:ff9b::203.0.113.9":  "203.0.113.9",
		"64:ff9b:1::1":          "64:ff9b:1::1",
		"unknown":               "",
		"_hidden":               "",
		"":                      "",
		strings.Repeat("1", 99): "",
	} {
		addr, ok := address.ParseHop(hop)
		if ok != (expected != "") || ok && addr.String() != expected {
			t.Errorf("%q: got %v, %v; expected %q", hop, addr, ok, expected)
		}
	}
}

func TestNetworksOfClients(t *testing.T) {
	for _, each := range []struct {
		addr       string
		ipv4, ipv6 int
		client     string
	}{
		{"203.0.113.9", 32, 64, "ip:203.0.113.9"},
		{"203.0.113.9", 24, 64, "ip:203.0.113.0/24"},
		{"2001:db8:1:2:3::4", 32, 64, "ip:2001:db8:1:2::/64"},
		{"2001:db8:1:2:3::4", 32, 48, "ip:2001:db8:1::/48"},
		{"2001:db8:1:2:3::4", 32, 128, "ip:2001:db8:1:2:3::4/128"},
	} {
		prefixes := address.Prefixes{IPv4: each.ipv4, IPv6: each.ipv6}
		if got := prefixes.Client(netip.MustParseAddr(each.addr)); got != each.client {
			t.Errorf("got %s, expected %s", got, each.client)
		}
	}
	if got := (address.Prefixes{IPv4: 32, IPv6: 64}).Client(netip.Addr{}); got != "unix" {
		t.Errorf("a Unix socket is %s", got)
	}
}

func TestNetworksThatEmbedIPv4(t *testing.T) {
	for text, expected := range map[string]string{
		"10.0.0.1/8":            "10.0.0.0/8",
		"::ffff:10.0.0.0/104":   "10.0.0.0/8",
		"64:ff9b::10.0.0.0/104": "10.0.0.0/8",
		"::ffff:10.0.0.1":       "10.0.0.1/32",
		"2001:db8::/32":         "2001:db8::/32",
		"10.0.0.0/33":           "",
		"10.0.0.0/":             "",
		"10.0.0.0/+8":           "",
		"proxy.example":         "",
	} {
		network, ok := address.ParseNetwork(text)
		if ok != (expected != "") || ok && network.String() != expected {
			t.Errorf("%q: got %v, %v; expected %q", text, network, ok, expected)
		}
	}
}

func TestALongHeaderTakesLinearTime(t *testing.T) {
	for _, element := range []string{`"\`, `for="`, `,`, `;`, `"",`, `10.0.0.1,`} {
		proxies, err := address.NewProxies([]string{"10.0.0.0/8"}, "Forwarded", func(string, string) {})
		if err != nil {
			t.Fatal(err)
		}
		value := strings.Repeat(element, 1_000_000/len(element))
		started := time.Now()
		_, _ = proxies.Client(address.Peer{Text: "10.0.0.1"}, func(string) []string { return []string{value} })
		if took := time.Since(started); took > 5*time.Second {
			t.Errorf("%q took %v", element, took)
		}
	}
}
