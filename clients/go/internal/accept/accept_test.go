package accept_test

import (
	"strings"
	"testing"

	"lockwatch/internal/accept"
)

func TestTheHighestQualityWins(t *testing.T) {
	offered := []string{"text/html", accept.Problem, accept.JSON}
	for header, expected := range map[string]string{
		"":                                     accept.JSON,
		"*/*":                                  accept.JSON,
		"application/*":                        accept.JSON,
		"text/*":                               accept.JSON,
		"text/html":                            "text/html",
		"Text/HTML ; charset=utf-8":            "text/html",
		"text/html;q=0":                        accept.JSON,
		"text/html;q=0.5, */*":                 accept.JSON,
		"text/html;q=0.5, */*;q=0.5":           "text/html",
		"application/problem+json, text/html":  "text/html",
		"application/problem+json, */*;q=0.9":  accept.Problem,
		"application/json, */*":                accept.JSON,
		"application/json;q=0.1, text/html":    "text/html",
		"application/json;q=0, */*, text/html": "text/html",
		"text/html;q=2, application/problem+json;q=0.1": accept.Problem,
		"text/html;q=NaN, application/problem+json":     accept.Problem,
		"image/png":                              accept.JSON,
		"text/html," + strings.Repeat(" ", 1024): accept.JSON,
	} {
		if got := accept.Choose([]string{header}, offered); got != expected {
			t.Errorf("%.60q: got %s, expected %s", header, got, expected)
		}
	}
}

func TestNamesOfTypes(t *testing.T) {
	for text, expected := range map[string]string{
		"text/html": "text/html", "application/vnd.api+json": "application/vnd.api+json",
		"Text/HTML; charset=utf-8": "text/html", "text": "", "": "", "*/*": "", "text/*": "", "a/b/c": "",
	} {
		name, ok := accept.TypeOf(text)
		if ok != (expected != "") || ok && name != expected {
			t.Errorf("%q: got %q, %v", text, name, ok)
		}
	}
}
