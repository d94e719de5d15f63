// Package accept chooses the media type of an error's body by the header Accept.
package accept

import (
	"mime"
	"regexp"
	"strconv"
	"strings"
)

const (
	// JSON is the type that is sent unless another one is asked for.
	JSON = "application/json"
	// Problem is the type of RFC 9457.
	Problem = "application/problem+json"
	// maxLength bounds what is read, because clients decide how long a header is.
	maxLength = 1024
)

// weight is a quality by RFC 9110.
var weight = regexp.MustCompile(`^(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$`)

// Choose returns the type of offered that has the highest quality in the values of Accept, and the
// first one of equal qualities. A type is accepted by its name; a range with `*` accepts JSON
// alone. If no type is accepted, it returns JSON.
func Choose(values []string, offered []string) string {
	header := strings.Join(values, ",")
	if header == "" || len(header) > maxLength {
		return JSON
	}
	qualities := qualitiesOf(header)
	chosen, highest := JSON, 0.0
	for _, name := range offered {
		if quality := qualities[name]; quality > highest {
			chosen, highest = name, quality
		}
	}
	return chosen
}

// qualitiesOf returns the quality of each type that is named. A range counts for JSON, if a more
// specific one does not.
func qualitiesOf(header string) map[string]float64 {
	qualities := make(map[string]float64)
	for element := range strings.SplitSeq(header, ",") {
		name, quality, ok := parse(element)
		if !ok {
			continue
		}
		if before, known := qualities[name]; !known || quality > before {
			qualities[name] = quality
		}
	}
	for _, wider := range []string{"application/*", "*/*"} {
		if _, known := qualities[JSON]; known {
			break
		}
		if quality, known := qualities[wider]; known {
			qualities[JSON] = quality
		}
	}
	return qualities
}

func parse(element string) (name string, quality float64, ok bool) {
	name, parameters, _ := strings.Cut(element, ";")
	name = strings.ToLower(strings.TrimSpace(name))
	quality = 1
	for parameter := range strings.SplitSeq(parameters, ";") {
		key, value, found := strings.Cut(parameter, "=")
		if !found || !strings.EqualFold(strings.TrimSpace(key), "q") {
			continue
		}
		if value = strings.TrimSpace(value); !weight.MatchString(value) {
			return "", 0, false
		}
		// The pattern admits numbers only.
		quality, _ = strconv.ParseFloat(value, 64)
		break
	}
	return name, quality, strings.Contains(name, "/")
}

// TypeOf returns the name of a media type, which may have parameters, in lower case. It returns
// false for a range, and for what is no media type.
func TypeOf(text string) (string, bool) {
	name, _, err := mime.ParseMediaType(text)
	return name, err == nil && strings.Count(name, "/") == 1 && !strings.Contains(name, "*")
}
