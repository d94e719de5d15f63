package lockwatch

import (
	"net/http"
	"regexp"
	"strings"

	"lockwatch/internal/pattern"
)

var (
	wildcardRest = regexp.MustCompile(`/\{[^{}]*\.\.\.\}$`)
	wildcard     = regexp.MustCompile(`\{[^{}]*\}`)
)

// muxRoute is the text `[METHOD ]/path` of the pattern of http.ServeMux that a request has matched,
// with the prefix under which the mux is mounted. It is empty if it is not known.
func muxRoute(r *http.Request) string {
	if r.Pattern == "" {
		return ""
	}
	method, host, path := splitPattern(r.Pattern)
	prefix, known := mountOf(r)
	if !known {
		return ""
	}
	if host != "" {
		host = "//" + host
	}
	path = templateOf(path)
	if prefix != "" && path == "/" {
		path = ""
	}
	if method != "" {
		method += " "
	}
	return method + host + prefix + path
}

// splitPattern splits `[METHOD ][HOST]/[PATH]`.
func splitPattern(text string) (method, host, path string) {
	if before, after, found := strings.Cut(text, " "); found {
		method, text = before, strings.TrimLeft(after, " \t")
	}
	slash := strings.IndexByte(text, '/')
	if slash < 0 {
		return method, text, ""
	}
	return method, text[:slash], text[slash:]
}

// templateOf writes a path of http.ServeMux as a pattern of this package.
func templateOf(path string) string {
	if exact, found := strings.CutSuffix(path, "/{$}"); found {
		return exact + "/"
	}
	if wildcardRest.MatchString(path) {
		return wildcardRest.ReplaceAllString(path, "/**")
	}
	// A slash at the end matches any rest.
	if strings.HasSuffix(path, "/") {
		return path + "**"
	}
	return path
}

// mountOf is the template of the part of the path that was taken away in front of the mux, as by
// http.StripPrefix. It is known if nothing was taken away, or if the outer mux got the request from
// the middleware, and so left its pattern there.
func mountOf(r *http.Request) (template string, known bool) {
	if r.RequestURI == "" {
		return "", true
	}
	whole, rest := pattern.OfTarget(r.RequestURI), r.URL.EscapedPath()
	stripped, found := strings.CutSuffix(whole, rest)
	if !found || stripped == "" {
		return "", found
	}
	state := StateOf(r.Context())
	if state == nil || state.request == nil {
		return "", false
	}
	_, host, outer := splitPattern(state.request.Pattern)
	outer = strings.TrimSuffix(wildcardRest.ReplaceAllString(outer, "/"), "/")
	if wildcard.MatchString(outer) {
		known = strings.Count(outer, "/") == strings.Count(stripped, "/")
	} else {
		known = outer == stripped
	}
	if host != "" {
		outer = "//" + host + outer
	}
	return outer, known
}
