package pattern_test

import (
	"testing"

	"lockwatch/internal/casefile"
	"lockwatch/internal/pattern"
)

func TestNamesOfTheConformanceFile(t *testing.T) {
	var cases []struct{ Pattern, Name string }
	casefile.Section(t, "policy_names", &cases)
	for _, each := range cases {
		t.Run(each.Pattern, func(t *testing.T) {
			if got := pattern.Name(each.Pattern); got != each.Name {
				t.Errorf("got %q, expected %q", got, each.Name)
			}
		})
	}
}

func TestPolicesMatchEverySpellingThatARouterMayAccept(t *testing.T) {
	for _, each := range []struct {
		pattern, method, path string
		matches, exactly      bool
	}{
		{"/login", "POST", "/login", true, true},
		{"/login", "POST", "/LOGIN", true, false},
		{"/login", "POST", "//login/", true, false},
		{"/login", "POST", "/log%69n", true, false},
		{"/login", "POST", "/login;a=1", false, false},
		{"GET /a", "HEAD", "/a", true, true},
		{"GET /a", "get", "/a", true, true},
		{"POST /a", "GET", "/a", false, false},
		{"/x-{id}", "GET", "/x-7", true, true},
		{"/x-{id}", "GET", "/x-", false, false},
		{"/static/**", "GET", "/static", true, true},
		{"/static/**", "GET", "/static/a/b", true, true},
		{"/static/**", "GET", "/static/../admin", true, false},
		{"/static/**", "GET", "/static/%2e%2e/admin", true, false},
		{"/static/**", "GET", "/static/a%2Fb", true, false},
		{"/static/**", "GET", "/static/a%20b", true, true},
		{"/a/{id}/c", "GET", "/a/b/c", true, true},
		{"/a/{id}/c", "GET", "/a//c", false, false},
	} {
		p, err := pattern.Parse(each.pattern)
		if err != nil {
			t.Fatal(err)
		}
		path := pattern.NewPath(each.method, each.path)
		if p.Matches(&path) != each.matches || p.MatchesExactly(&path) != each.exactly {
			t.Errorf("%s, %s %s: %v and exactly %v", each.pattern, each.method, each.path, p.Matches(&path), p.MatchesExactly(&path))
		}
	}
}

func TestTextOfAPath(t *testing.T) {
	for target, text := range map[string]string{
		"/a/b?x=1":            "/a/b",
		"/a%20b":              "/a b",
		"/a%2Fb":              "/a%2Fb",
		"/a%FFb":              "/a%FFb",
		"http://host/a#b":     "/a",
		"http://host":         "/",
		"*":                   "/",
		"host.example:443":    "/",
		"/%E2%82%AC/%zz/%41":  "/€/%zz/A",
		"/.well-known/a.json": "/.well-known/a.json",
	} {
		path := pattern.NewPath("GET", pattern.OfTarget(target))
		if got := path.Text(); got != text {
			t.Errorf("%s: got %q, expected %q", target, got, text)
		}
	}
}

func TestBadPatternsAreRefused(t *testing.T) {
	for _, text := range []string{"login", "GET  ", "/a/**/b", "/{a}{b}", "/a b", "GET,/a", ""} {
		if _, err := pattern.Parse(text); err == nil {
			t.Errorf("%q is accepted", text)
		}
	}
}
