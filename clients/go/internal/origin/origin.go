// Package origin reads origins as people write them, and returns them as browsers send them
// (RFC 6454).
package origin

import (
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
)

const (
	maxPort = 65_535
	example = "like 'https://app.example.com'"
)

var (
	defaultPorts = map[string]int{"http": 80, "https": 443}
	parts        = regexp.MustCompile(`(?s)^([a-z][a-z0-9+.-]*)://([^/?#]*)(.*)$`)
	authority    = regexp.MustCompile(`^(?:\[([0-9a-f:]+)\]|([a-z0-9_-]+(?:\.[a-z0-9_-]+)*))(?::(\d{1,5}))?$`)
	// A host that ends in a number is an IPv4 address for browsers.
	numeric = regexp.MustCompile(`(?:^|\.)\d+$`)
)

// Parse returns an origin in the form of the header Origin: lower case, without a default port.
func Parse(text string) (string, error) {
	written := strings.ToLower(strings.TrimSpace(text))
	if strings.Contains(written, "*") {
		return "", refused(text, "which would let many sites use the cookie", "each page's origin, "+example)
	}
	if written == "null" {
		return "", refused(text, "which sandboxed pages of every site send", "the page's origin, "+example)
	}
	match := parts.FindStringSubmatch(written)
	if match == nil && authority.MatchString(written) {
		return "", refused(text, "which has no scheme", "'https://"+written+"'")
	}
	host, ok := "", false
	if match != nil {
		host, ok = authorityOf(match[1], match[2])
	}
	if !ok {
		return "", refused(text, "which is not an origin", "a scheme, a host and the port, if any, "+example)
	}
	origin := match[1] + "://" + host
	if match[3] != "" && match[3] != "/" {
		return "", refused(text, "which has more than a scheme, a host and a port", "'"+origin+"'")
	}
	return origin, nil
}

func refused(text, why, instead string) error {
	return fmt.Errorf("origins has '%s', %s: write %s", text, why, instead)
}

func authorityOf(scheme, text string) (string, bool) {
	match := authority.FindStringSubmatch(text)
	if match == nil {
		return "", false
	}
	host := match[2]
	if match[1] != "" {
		address, err := netip.ParseAddr(match[1])
		if err != nil {
			return "", false
		}
		host = "[" + address.String() + "]"
	} else if numeric.MatchString(host) {
		if address, err := netip.ParseAddr(host); err != nil || !address.Is4() {
			return "", false
		}
	}
	if match[3] == "" {
		return host, true
	}
	port, err := strconv.Atoi(match[3])
	if err != nil || port < 1 || port > maxPort {
		return "", false
	}
	if port == defaultPorts[scheme] {
		return host, true
	}
	return host + ":" + strconv.Itoa(port), true
}
