package lockwatch

import (
	"net/http"
	"slices"
	"strings"

	"lockwatch/internal/origin"
)

// CookieOptions keep the refresh token in a cookie that scripts can't read and that other sites
// can't send.
type CookieOptions struct {
	// Origins are those of the pages that log in: "https://app.example.com". Other requests are
	// answered 403. At least one is needed.
	Origins []string
	// Name is "lw_refresh" unless given.
	Name string
	// Path is where browsers send the cookie to. Unless given, it is the path of the request up to
	// "/login". A proxy that strips a prefix from paths needs it: "/api/auth".
	Path string
	// Domain is one whose hosts all get the cookie; only the host of the request unless given.
	Domain string
	// Insecure lets browsers send the cookie over plain HTTP, for development on one's own machine.
	Insecure bool
}

// checked are the options with their defaults, and with origins as browsers send them.
func (c CookieOptions) checked() (*CookieOptions, error) {
	if c.Name == "" {
		c.Name = "lw_refresh"
	}
	if err := checkCookie("CookieOptions", c.Name, c.Path, c.Domain); err != nil {
		return nil, err
	}
	if len(c.Origins) == 0 {
		return nil, configurationError("Origins of CookieOptions is empty: expected the pages' origins, like " +
			"'https://app.example.com'")
	}
	origins := make([]string, len(c.Origins))
	for i, each := range c.Origins {
		parsed, err := origin.Parse(each)
		if err != nil {
			return nil, configurationError("%s", err.Error())
		}
		origins[i] = parsed
	}
	c.Origins = origins
	return &c, c.checkSecurity()
}

// checkSecurity refuses what browsers refuse. They compare the beginnings of names without case.
func (c *CookieOptions) checkSecurity() error {
	prefix := strings.ToLower(c.Name)
	isHost := strings.HasPrefix(prefix, "__host-")
	if c.Insecure {
		for _, each := range c.Origins {
			if !strings.HasPrefix(each, "http://") {
				return configurationError("Insecure of CookieOptions is true, and %s is not plain HTTP: leave Insecure out", each)
			}
		}
		if isHost || strings.HasPrefix(prefix, "__secure-") {
			return configurationError("Insecure of CookieOptions is true: browsers refuse the name %s then", shown(c.Name))
		}
	}
	if isHost && c.Domain != "" {
		return configurationError("Domain of CookieOptions is %s: browsers refuse the name %s then",
			shown(c.Domain), shown(c.Name))
	}
	if isHost && c.Path != "" && c.Path != "/" {
		return configurationError("Path of CookieOptions is %s: browsers refuse the name %s then", shown(c.Path), shown(c.Name))
	}
	if isHost {
		c.Path = "/"
	}
	return nil
}

// allows says whether a request comes from an allowed page. SameSite admits other hosts of the
// site.
func (c *CookieOptions) allows(r *http.Request) bool {
	return slices.Contains(c.Origins, r.Header.Get("Origin"))
}

func (c *CookieOptions) read(r *http.Request) Secret {
	cookie, err := r.Cookie(c.Name)
	if err != nil {
		return ""
	}
	return Secret(cookie.Value)
}

// header is a Set-Cookie header. An empty token deletes the cookie. The path is encoded, because it
// could add attributes to the cookie otherwise.
func (c *CookieOptions) header(token Secret, maxAge int64, mount string) string {
	path := c.Path
	if path == "" {
		path = strings.ReplaceAll(mount, ";", "%3B")
	}
	if path == "" {
		path = "/"
	}
	cookie := http.Cookie{ //nolint:gosec // Secure is off only for development.
		Name: c.Name, Value: string(token), Path: path, Domain: c.Domain, MaxAge: int(maxAge),
		HttpOnly: true, Secure: !c.Insecure, SameSite: http.SameSiteStrictMode,
	}
	if maxAge <= 0 {
		cookie.MaxAge = -1
	}
	return cookie.String()
}
