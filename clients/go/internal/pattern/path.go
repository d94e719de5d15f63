// Package pattern compares the paths of requests with patterns, and names policies by them.
package pattern

import (
	"net/url"
	"regexp"
	"strings"
	"unicode/utf8"
)

// Path is the path of a request, split and decoded once for all patterns.
type Path struct {
	method string
	text   string
	// plain is a path that needs no decoding, which is split when a pattern is compared first.
	plain   bool
	exact   []string
	lenient []string
	// unambiguous says whether every router and handler reads it as this path.
	unambiguous bool
}

// NewPath reads a path, which is percent-encoded and has no query.
func NewPath(method, path string) Path {
	if isPlain(path) {
		return Path{method: strings.ToUpper(method), text: path, plain: true, unambiguous: true}
	}
	raw := strings.Split(path, "/")[1:]
	p := Path{method: strings.ToUpper(method), exact: make([]string, len(raw)), unambiguous: strings.HasPrefix(path, "/")}
	for i, segment := range raw {
		p.exact[i] = decoded(segment)
		p.unambiguous = p.unambiguous && isUnambiguous(segment, p.exact[i])
	}
	p.text = textOf(p.exact)
	p.lenient = lenient(p.exact)
	return p
}

// Text is the decoded path for bursts and audit events. An encoded slash in a segment is %2F.
func (p *Path) Text() string { return p.text }

// isPlain reports whether a path is read in the same way everywhere, so that it needs no decoding.
func isPlain(path string) bool {
	if !strings.HasPrefix(path, "/") || strings.Contains(path, "/.") {
		return false
	}
	for i := 0; i < len(path); i++ {
		switch c := path[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '/', c == '-', c == '_', c == '.', c == '~':
		default:
			return false
		}
	}
	return true
}

// split makes the segments of a plain path.
func (p *Path) split() {
	if p.plain && p.exact == nil {
		p.exact = strings.Split(p.text[1:], "/")
		p.lenient = lenient(p.exact)
	}
}

func textOf(segments []string) string {
	if len(segments) == 0 {
		return "/"
	}
	var text strings.Builder
	for _, segment := range segments {
		text.WriteByte('/')
		text.WriteString(strings.ReplaceAll(segment, "/", "%2F"))
	}
	return text.String()
}

// decoded returns one segment unchanged if it cannot be decoded.
func decoded(segment string) string {
	if !strings.Contains(segment, "%") {
		return segment
	}
	text, err := url.PathUnescape(segment)
	if err != nil || !utf8.ValidString(text) {
		return segment
	}
	return text
}

// isUnambiguous reports whether every router and handler reads a segment as text.
func isUnambiguous(raw, text string) bool {
	if text == "." || text == ".." || strings.ContainsAny(text, "/\\?#;\x00") {
		return false
	}
	if !strings.Contains(raw, "%") {
		return true
	}
	raw = strings.ToLower(raw)
	return raw == strings.ToLower(encoded(text, "")) || raw == strings.ToLower(encoded(text, ";/?:@&=+$,#"))
}

// encoded escapes all bytes but those that a path never has to escape, and those in kept.
func encoded(text, kept string) string {
	const hex = "0123456789ABCDEF"
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		c := text[i]
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
			strings.IndexByte("-_.!~*'()", c) >= 0 || strings.IndexByte(kept, c) >= 0 {
			out.WriteByte(c)
			continue
		}
		out.Write([]byte{'%', hex[c>>4], hex[c&15]})
	}
	return out.String()
}

// lenient removes the differences that a router may ignore: case, doubled slashes, a slash at the
// end.
func lenient(segments []string) []string {
	kept := make([]string, 0, len(segments))
	for _, segment := range segments {
		if segment != "" {
			kept = append(kept, strings.ToLower(segment))
		}
	}
	return kept
}

var authority = regexp.MustCompile(`^(?i:[a-z][a-z0-9+.-]*)://[^/]*`)

// OfTarget returns the encoded path of a request target, which may have a scheme and host in front,
// a query or a fragment.
func OfTarget(target string) string {
	if end := strings.IndexAny(target, "?#"); end >= 0 {
		target = target[:end]
	}
	if strings.HasPrefix(target, "/") {
		return target
	}
	if path := authority.ReplaceAllString(target, ""); path != "" {
		return path
	}
	return "/"
}

// MethodArgument returns false for a method that the module does not accept: it takes HTTP tokens
// of at most 32 characters.
func MethodArgument(method string) (string, bool) {
	if method == "" || len(method) > 32 {
		return "", false
	}
	for i := 0; i < len(method); i++ {
		c := method[i]
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`"(),/:;<=>?@[\]{}`, c) >= 0 {
			return "", false
		}
	}
	return method, true
}
