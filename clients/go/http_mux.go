package lockwatch

import (
	"net/http"
	"regexp"
	"strings"
	"sync"

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
	prefix, known := mountOf(r)
	if !known {
		return ""
	}
	return muxPlace{prefix, r.Pattern}.text()
}

// muxPlace is a pattern, and the template in front of it.
type muxPlace struct{ prefix, pattern string }

// muxTexts are the texts of places, of which there are no more than in the source code.
var muxTexts sync.Map

func (p muxPlace) text() string {
	if known, found := muxTexts.Load(p); found {
		return known.(string)
	}
	method, host, path := splitPattern(p.pattern)
	if host != "" {
		host = "//" + host
	}
	path = templateOf(path)
	if p.prefix != "" && path == "/" {
		path = ""
	}
	if method != "" {
		method += " "
	}
	text := method + host + p.prefix + path
	muxTexts.Store(p, text)
	return text
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
