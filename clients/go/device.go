package lockwatch

import (
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"regexp"
	"strings"
	"time"
)

// A guard knows a device for 90 days.
const deviceAge = 90 * 24 * time.Hour

var (
	deviceText   = regexp.MustCompile(`^[0-9a-f]{32}$`)
	cookieName   = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")
	cookiePath   = regexp.MustCompile(`^/[\x20-\x3a\x3c-\x7e]*$`)
	cookieDomain = regexp.MustCompile(`^(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z](?:[A-Za-z0-9-]*[A-Za-z0-9])?$`)
)

// DeviceCookie is where a guard keeps the device: a random number in a cookie that scripts can't
// read. By it the guard knows a browser again from which somebody has logged in.
type DeviceCookie struct {
	// Name is "lw_device" unless given, and Path "/".
	Name, Path string
	// Domain is one whose hosts all get the cookie; only the host of the request unless given.
	Domain string
	// Insecure lets browsers send the cookie over plain HTTP, for development on one's own machine.
	Insecure bool
	// Off has no cookie, so that no device is known.
	Off bool
}

func (c DeviceCookie) withDefaults() (DeviceCookie, error) {
	if c.Name == "" {
		c.Name = "lw_device"
	}
	if c.Path == "" {
		c.Path = "/"
	}
	if err := checkCookie("DeviceCookie", c.Name, c.Path, c.Domain); err != nil {
		return c, err
	}
	prefix := strings.ToLower(c.Name)
	if c.Insecure && (strings.HasPrefix(prefix, "__host-") || strings.HasPrefix(prefix, "__secure-")) {
		return c, configurationError("Insecure of DeviceCookie is true: browsers refuse the name %s then", shown(c.Name))
	}
	if strings.HasPrefix(prefix, "__host-") && (c.Domain != "" || c.Path != "/") {
		return c, configurationError("Name of DeviceCookie is %s: browsers take this one only for the Path '/' without "+
			"Domain", shown(c.Name))
	}
	return c, nil
}

// checkCookie checks the parts of a cookie. RFC 6265 has no control characters and no semicolon.
func checkCookie(of, name, path, domain string) error {
	switch {
	case !cookieName.MatchString(name):
		return configurationError("Name of %s is %s: expected the name of a cookie", of, shown(name))
	case path != "" && !cookiePath.MatchString(path):
		return configurationError("Path of %s is %s: expected a path like '/auth', without a semicolon", of, shown(path))
	case domain != "" && !cookieDomain.MatchString(domain):
		return configurationError("Domain of %s is %s: expected a host name like 'example.com', without scheme, port and "+
			"leading dot", of, shown(domain))
	}
	return nil
}

// read is the device of a request; empty if it has none that newDevice has made.
func (c DeviceCookie) read(r *http.Request) string {
	if c.Off {
		return ""
	}
	cookie, err := r.Cookie(c.Name)
	if err != nil || !deviceText.MatchString(cookie.Value) {
		return ""
	}
	return cookie.Value
}

// newDevice is a device that no browser has yet.
func newDevice() string {
	random := make([]byte, 16)
	_, _ = rand.Read(random) // It never fails.
	return hex.EncodeToString(random)
}

func (c DeviceCookie) cookie(device string) *http.Cookie {
	return &http.Cookie{ //nolint:gosec // Secure is off only for development.
		Name: c.Name, Value: device, Path: c.Path, Domain: c.Domain, MaxAge: int(deviceAge.Seconds()),
		HttpOnly: true, Secure: !c.Insecure, SameSite: http.SameSiteLaxMode,
	}
}
