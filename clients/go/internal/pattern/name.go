package pattern

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"slices"
	"strings"
)

const (
	maxName = 64
	// maxReadable leaves room for two hyphens and eight digits of a digest.
	maxReadable = maxName - 10
)

var (
	knownMethods   = []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"}
	colonName      = regexp.MustCompile(`^:([A-Za-z0-9_]+)$`)
	plainParameter = regexp.MustCompile(`^\{([a-z0-9_]+)\}$`)
	plainLiteral   = regexp.MustCompile(`^[a-z0-9_][a-z0-9_.]*$`)
	unreadable     = regexp.MustCompile(`[^a-z0-9_.]+`)
	givenName      = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`)
)

// IsName reports whether a text can be the name of a policy.
func IsName(text string) bool { return givenName.MatchString(text) }

// Name is the name of a policy that is given none: `post-login` for `POST /login`. Distinct
// patterns have distinct names. The plain form is readable as it is; any other pattern is
// identified by a digest behind the readable part.
func Name(pattern string) string {
	method, path := "", ""
	if slash := strings.IndexByte(pattern, '/'); slash >= 0 {
		method, path = pattern[:slash], pattern[slash+1:]
	} else {
		method = pattern
	}
	method = strings.ToUpper(strings.TrimSpace(method))
	segments := strings.Split(path, "/")
	for i, segment := range segments {
		segments[i] = colonName.ReplaceAllString(segment, "{$1}")
	}
	if name, ok := plainName(method, segments); ok {
		return name
	}
	text := strings.TrimLeft(method+" /"+strings.Join(segments, "/"), " ")
	readable := strings.Trim(unreadable.ReplaceAllString(strings.ToLower(text), "-"), "-")
	if len(readable) > maxReadable {
		readable = readable[:maxReadable]
	}
	if readable == "" {
		readable = "root"
	}
	digest := sha256.Sum256([]byte(text))
	return readable + "--" + hex.EncodeToString(digest[:4])
}

// plainName joins the parts of a pattern by hyphens. It returns false if they could be those of
// another pattern. `{id}` is written `.id`, `*` is `.`, and a final `**` is `..`. No part contains
// a hyphen or is empty.
func plainName(method string, segments []string) (string, bool) {
	if method != "" && !slices.Contains(knownMethods, method) {
		return "", false
	}
	if len(segments) == 1 && segments[0] == "" {
		if method == "" {
			return "root", true
		}
		return strings.ToLower(method), true
	}
	var parts []string
	for i, segment := range segments {
		part, ok := plainPart(segment, i == len(segments)-1)
		if !ok {
			return "", false
		}
		parts = append(parts, part)
	}
	name := strings.Join(parts, "-")
	if method == "" {
		if slices.Contains(knownMethods, strings.ToUpper(parts[0])) || name == "root" {
			return "", false
		}
	} else {
		name = strings.ToLower(method) + "-" + name
	}
	return name, len(name) <= maxName
}

func plainPart(segment string, isLast bool) (string, bool) {
	if segment == "*" {
		return ".", true
	}
	if segment == rest {
		return "..", isLast
	}
	if match := plainParameter.FindStringSubmatch(segment); match != nil {
		return "." + match[1], true
	}
	return segment, plainLiteral.MatchString(segment)
}
