// Package address finds the address of a client and the network that counts as one client.
package address

import (
	"net/netip"
	"strconv"
	"strings"
)

const (
	// maxLength bounds a hop. An IPv6 address with a zone, brackets and a port is shorter.
	maxLength = 100
	maxPort   = 65535
	// DefaultIPv4 is the number of bits of an IPv4 address that are one client.
	DefaultIPv4 = 32
	// DefaultIPv6 is the number of bits of an IPv6 address that are one client.
	DefaultIPv6 = 64
)

// nat64 is the prefix in which IPv6 addresses embed IPv4 addresses (RFC 6052).
var nat64 = netip.MustParsePrefix("64:ff9b::/96")

// Parse reads an address without a port. An IPv6 address that embeds an IPv4 address (IPv4-mapped,
// or by NAT64) is returned as IPv4. The result has no zone.
func Parse(text string) (netip.Addr, bool) {
	if strings.Contains(text, ":") {
		text, _, _ = strings.Cut(text, "%")
	}
	addr, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Addr{}, false
	}
	return embedded(addr), true
}

func embedded(addr netip.Addr) netip.Addr {
	if nat64.Contains(addr) {
		bytes := addr.As16()
		return netip.AddrFrom4([4]byte(bytes[12:]))
	}
	return addr.Unmap()
}

// ParseHop reads the address of a peer, or of a hop in a forwarding header. It may have a port, and
// an IPv6 address may have brackets.
func ParseHop(hop string) (netip.Addr, bool) {
	if hop == "" || len(hop) > maxLength {
		return netip.Addr{}, false
	}
	if hop[0] == '[' {
		host, port, closed := strings.Cut(hop[1:], "]")
		if !closed || !strings.Contains(host, ":") || (port != "" && !isPort(port)) {
			return netip.Addr{}, false
		}
		return Parse(host)
	}
	colon := strings.IndexByte(hop, ':')
	if colon > 0 && strings.Trim(hop[:colon], "0123456789.") == "" && strings.IndexByte(hop[colon+1:], ':') < 0 {
		if !isPort(hop[colon:]) {
			return netip.Addr{}, false
		}
		hop = hop[:colon]
	}
	return Parse(hop)
}

// isPort reports whether a text is a colon and a port.
func isPort(text string) bool {
	digits, found := strings.CutPrefix(text, ":")
	if !found || len(digits) == 0 || len(digits) > 5 || strings.Trim(digits, "0123456789") != "" {
		return false
	}
	port, err := strconv.Atoi(digits)
	return err == nil && port <= maxPort
}

// Prefixes says how many bits of an address are one client.
type Prefixes struct{ IPv4, IPv6 int }

// Client is the client of an address in the keys of limits: `ip:` and the address, or its network.
// The zero address, of a Unix socket, is `unix`.
func (p Prefixes) Client(addr netip.Addr) string {
	if !addr.IsValid() {
		return "unix"
	}
	bits := p.IPv6
	if addr.Is4() {
		if p.IPv4 == DefaultIPv4 {
			return "ip:" + addr.String()
		}
		bits = p.IPv4
	}
	// The error is for bits out of range, which the options refuse.
	network, err := addr.Prefix(bits)
	if err != nil {
		return "ip:" + addr.String()
	}
	return "ip:" + network.String()
}

// ParseNetwork reads an address or a network. One that embeds IPv4 addresses is returned as their
// IPv4 network.
func ParseNetwork(text string) (netip.Prefix, bool) {
	host, length, hasLength := strings.Cut(text, "/")
	addr, err := netip.ParseAddr(host)
	if err != nil || addr.Zone() != "" {
		return netip.Prefix{}, false
	}
	bits := addr.BitLen()
	if hasLength {
		written, ok := prefixLength(length)
		if !ok || written > bits {
			return netip.Prefix{}, false
		}
		bits = written
	}
	if plain := embedded(addr); plain != addr && bits >= 96 {
		addr, bits = plain, bits-96
	}
	return netip.PrefixFrom(addr, bits).Masked(), true
}

func prefixLength(text string) (int, bool) {
	if text == "" || len(text) > 3 || strings.Trim(text, "0123456789") != "" {
		return 0, false
	}
	bits, err := strconv.Atoi(text)
	return bits, err == nil
}

// Set is a set of networks, and maybe of the peers of Unix sockets.
type Set struct {
	networks []netip.Prefix
	unix     bool
}

// Unix is the peer of a Unix socket in the texts of a Set.
const Unix = "unix"

// Add adds an address, a network or `unix`. It returns false for any other text.
func (s *Set) Add(text string) bool {
	if text == Unix {
		s.unix = true
		return true
	}
	network, ok := ParseNetwork(text)
	if ok {
		s.networks = append(s.networks, network)
	}
	return ok
}

// Contains reports whether an address is in the set. The zero address is the peer of a Unix socket.
func (s *Set) Contains(addr netip.Addr) bool {
	if !addr.IsValid() {
		return s.unix
	}
	for _, network := range s.networks {
		if network.Contains(addr) {
			return true
		}
	}
	return false
}

// IsEmpty reports whether nothing was added.
func (s *Set) IsEmpty() bool { return !s.unix && len(s.networks) == 0 }
