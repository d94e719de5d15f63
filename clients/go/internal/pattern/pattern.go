package pattern

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

const rest = "**"

var (
	form      = regexp.MustCompile(`^(?:([A-Za-z]+(?:,[A-Za-z]+)*)\s+)?/(\S*)$`)
	parameter = regexp.MustCompile(`\*|\{[^{}]*\}|^:.+`)
)

// Pattern is `[METHOD[,METHOD…] ]/path`.
type Pattern struct {
	text           string
	methods        []string
	hasRest        bool
	exact, lenient []segment
}

// segment is a text, or the texts around a parameter.
type segment struct {
	before, behind string
	isParameter    bool
}

// Parse reads a pattern.
func Parse(text string) (*Pattern, error) {
	match := form.FindStringSubmatch(text)
	if match == nil {
		return nil, fmt.Errorf("pattern %q is not like '/path' or 'GET,POST /path/{id}/**'", text)
	}
	p := &Pattern{text: text}
	if match[1] != "" {
		p.methods = strings.Split(strings.ToUpper(match[1]), ",")
		// The routers answer HEAD with the handler for GET.
		if slices.Contains(p.methods, "GET") {
			p.methods = append(p.methods, "HEAD")
		}
	}
	segments := strings.Split(match[2], "/")
	if p.hasRest = segments[len(segments)-1] == rest; p.hasRest {
		segments = segments[:len(segments)-1]
	}
	for _, each := range segments {
		if strings.Contains(each, rest) {
			return nil, fmt.Errorf("pattern %q has '**' elsewhere than at its end, as '/**'", text)
		}
	}
	var err error
	if p.exact, err = parseSegments(segments, text); err == nil {
		p.lenient, err = parseSegments(lenient(segments), text)
	}
	return p, err
}

func parseSegments(texts []string, pattern string) ([]segment, error) {
	segments := make([]segment, len(texts))
	for i, text := range texts {
		parts := parameter.Split(text, -1)
		switch len(parts) {
		case 1:
			segments[i] = segment{before: text}
		case 2:
			segments[i] = segment{before: parts[0], behind: parts[1], isParameter: true}
		default:
			return nil, fmt.Errorf("pattern %q has a segment with more than one parameter", pattern)
		}
	}
	return segments, nil
}

// Text is the pattern as it is written.
func (p *Pattern) Text() string { return p.text }

// MatchesExactly compares exactly, for exempt patterns: another spelling must not exempt a path.
func (p *Pattern) MatchesExactly(path *Path) bool {
	path.split()
	return path.unambiguous && p.matches(path.method, path.exact, p.exact)
}

// Matches compares as leniently as any router, for policies: another spelling must not evade one.
func (p *Pattern) Matches(path *Path) bool {
	path.split()
	return p.matches(path.method, path.lenient, p.lenient)
}

func (p *Pattern) matches(method string, path []string, pattern []segment) bool {
	if p.methods != nil && !slices.Contains(p.methods, method) {
		return false
	}
	if len(path) < len(pattern) || (len(path) > len(pattern) && !p.hasRest) {
		return false
	}
	for i, each := range pattern {
		if !each.fits(path[i]) {
			return false
		}
	}
	return true
}

func (s segment) fits(text string) bool {
	if !s.isParameter {
		return text == s.before
	}
	return len(text) > len(s.before)+len(s.behind) && strings.HasPrefix(text, s.before) && strings.HasSuffix(text, s.behind)
}
