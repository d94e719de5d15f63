// Package accept chooses the media type of an error's body by the header Accept.
package accept

import (
	"mime"
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

// Choose returns the type of offered that has the highest quality in the values of Accept, and the
// first one of equal qualities. A type is accepted by its name; a range with `*` accepts JSON alone.
// If no type is accepted, it returns JSON.
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
		given, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
		// A NaN is not between 0 and 1 either.
		if err != nil || !(given >= 0 && given <= 1) {
			return "", 0, false
		}
		quality = given
		break
	}
	return name, quality, strings.Contains(name, "/")
}

// IsType reports whether a text is the name of a media type in lower case, without parameters.
func IsType(text string) bool {
	name, parameters, err := mime.ParseMediaType(text)
	return err == nil && len(parameters) == 0 && name == text && strings.Count(name, "/") == 1 && !strings.Contains(name, "*")
}
