package address

import (
	"fmt"
	"net/netip"
	"strings"
)

// forwarding are the headers in which proxies name the client.
var forwarding = []string{"X-Forwarded-For", "Forwarded", "X-Real-Ip"}

const (
	// maxSearched bounds the elements of a header that are searched for the peer before a warning.
	maxSearched = 20
	// maxQuoted bounds how much of a peer's name is in an error.
	maxQuoted = 64
)

// Header returns all values of a header, whose name is in canonical form.
type Header func(name string) []string

// Notify logs a notice about the configuration, once for each kind in a process.
type Notify func(kind, message string)

// Proxies finds the address of a client behind trusted proxies.
type Proxies struct {
	trusted  Set
	header   string
	standard bool
	others   []string
	notify   Notify
}

// NewProxies trusts proxies to name their client in a header, whose name is in canonical form. Its
// error names the text that is no proxy.
func NewProxies(trusted []string, header string, notify Notify) (*Proxies, error) {
	p := &Proxies{header: header, standard: header == "Forwarded", others: []string{header}, notify: notify}
	for _, name := range forwarding {
		if name != header {
			p.others = append(p.others, name)
		}
	}
	for _, proxy := range trusted {
		if !p.trusted.Add(proxy) {
			return nil, fmt.Errorf("trusted proxy %q is not an address, a network (10.0.0.0/8) or \"unix\"", proxy)
		}
	}
	return p, nil
}

// Client returns the address of the client of a request. It is the zero address for the peer of a
// Unix socket without a usable forwarding header.
func (p *Proxies) Client(peer Peer, header Header) (netip.Addr, error) {
	addr, err := peer.addr(p.trusted.unix)
	if err != nil {
		return addr, err
	}
	if !p.trusted.Contains(addr) {
		p.warnOfUntrusted(addr, header)
		return addr, nil
	}
	values := header(p.header)
	if len(values) == 0 {
		p.warnOfNoHeader(addr, header)
		return addr, nil
	}
	if client, ok := p.forwarded(strings.Join(values, ",")); ok {
		return client, nil
	}
	return addr, nil
}

// forwarded returns the rightmost hop that is not a trusted proxy, or the leftmost if all are. It
// returns false if a hop on the way there is not an address. Hops to the left of the result are not
// read, because clients can write anything there.
func (p *Proxies) forwarded(value string) (netip.Addr, bool) {
	var addr netip.Addr
	for element := range fromRight(value, ',') {
		var ok bool
		if addr, ok = p.hop(element); !ok {
			return addr, false
		}
		if !p.trusted.Contains(addr) {
			return addr, true
		}
	}
	return addr, true
}

func (p *Proxies) hop(element string) (netip.Addr, bool) {
	if p.standard {
		element = forwardedFor(element)
	}
	return ParseHop(strings.TrimSpace(element))
}

func (p *Proxies) warnOfUntrusted(addr netip.Addr, header Header) {
	for _, name := range p.others {
		values := header(name)
		// A server that has put the client of this header in place of the peer needs no trust.
		if len(values) == 0 || names(strings.Join(values, ","), addr) {
			continue
		}
		p.notify("untrusted", fmt.Sprintf("%s of the peer %s is not read, because TrustedProxies does not have this "+
			"address: if it is a proxy of yours, all clients behind it share one counter until you put it there", name, addr))
		return
	}
}

func (p *Proxies) warnOfNoHeader(addr netip.Addr, header Header) {
	peer, but := Unix, ""
	if addr.IsValid() {
		peer = addr.String()
	}
	for _, name := range p.others {
		if len(header(name)) > 0 {
			but = ", but " + name
			break
		}
	}
	p.notify("no header", fmt.Sprintf("the trusted proxy %s sends no %s%s: all clients behind it share one counter "+
		"until it does, or until ForwardedHeader names what it sends", peer, p.header, but))
}

// names reports whether a forwarding header has this address, in one of its last elements.
func names(value string, addr netip.Addr) bool {
	searched := 0
	for element := range fromRight(value, ',') {
		for _, hop := range []string{element, forwardedFor(element)} {
			if found, ok := ParseHop(strings.TrimSpace(hop)); ok && found == addr {
				return true
			}
		}
		if searched++; searched == maxSearched {
			return false
		}
	}
	return false
}

// Peer is the other end of a connection: an address with or without a port, or a Unix socket.
type Peer struct {
	Text string
	Unix bool
}

// Addr returns the address of a peer. That of a Unix socket is an error.
func (p Peer) Addr() (netip.Addr, error) { return p.addr(false) }

func (p Peer) addr(trustsUnix bool) (netip.Addr, error) {
	if p.Unix {
		if trustsUnix {
			return netip.Addr{}, nil
		}
		return netip.Addr{}, fmt.Errorf("the server listens on a Unix socket, where all clients look alike: name the " +
			"proxy's header in ForwardedHeader and put \"unix\" into TrustedProxies, if it is to be trusted")
	}
	if addr, ok := ParseHop(p.Text); ok {
		return addr, nil
	}
	quoted := []rune(p.Text)
	if len(quoted) > maxQuoted {
		quoted = quoted[:maxQuoted]
	}
	return netip.Addr{}, fmt.Errorf("the server calls the peer of a request '%s', which is not an address: let the "+
		"server name the peer's address, and set TrustedProxies and ForwardedHeader for the proxy in front of it", string(quoted))
}
