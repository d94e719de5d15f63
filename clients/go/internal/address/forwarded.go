package address

import (
	"iter"
	"strings"
)

// fromRight yields the parts between separators outside of quoted strings, the last part first. It
// is lazy and takes linear time, because clients decide how long a header is.
func fromRight(text string, separator byte) iter.Seq[string] {
	return func(yield func(string) bool) {
		end := len(text)
		for i := end - 1; i >= 0; i-- {
			switch text[i] {
			case '"':
				i = openingQuote(text, i)
			case separator:
				if !yield(text[i+1 : end]) {
					return
				}
				end = i
			}
		}
		yield(text[:end])
	}
}

// openingQuote returns where the quoted string starts that ends at closing, or -1 if nowhere. A
// backslash escapes a quote.
func openingQuote(text string, closing int) int {
	for quote := closing; ; {
		quote = strings.LastIndexByte(text[:quote], '"')
		if quote < 0 {
			return -1
		}
		backslashes := 0
		for backslashes < quote && text[quote-1-backslashes] == '\\' {
			backslashes++
		}
		if backslashes%2 == 0 {
			return quote
		}
	}
}

// forwardedFor returns the first `for` of an element of a Forwarded header (RFC 7239), or "" if it
// has none.
func forwardedFor(element string) string {
	first := ""
	// The parts come from the right, so the last one that is found is the first.
	for pair := range fromRight(element, ';') {
		name, value, found := strings.Cut(pair, "=")
		if found && strings.EqualFold(strings.TrimSpace(name), "for") {
			first = unquote(strings.TrimSpace(value))
		}
	}
	return first
}

func unquote(value string) string {
	if !strings.HasPrefix(value, `"`) || !strings.HasSuffix(value, `"`) {
		return value
	}
	if len(value) < 2 {
		return ""
	}
	inner := value[1 : len(value)-1]
	if !strings.Contains(inner, `\`) {
		return inner
	}
	var text strings.Builder
	for i := 0; i < len(inner); i++ {
		if inner[i] == '\\' && i+1 < len(inner) {
			i++
		}
		text.WriteByte(inner[i])
	}
	return text.String()
}
