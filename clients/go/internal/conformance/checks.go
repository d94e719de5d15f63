package conformance

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"lockwatch"
)

// requestOf is a request as the server of net/http makes it.
func requestOf(given request) *http.Request {
	path, query, _ := strings.Cut(given.Path, "?")
	r := &http.Request{
		Method:     given.Method,
		RequestURI: given.Path,
		Proto:      "HTTP/1.1",
		ProtoMajor: 1,
		ProtoMinor: 1,
		Host:       "localhost",
		Header:     http.Header{},
		Body:       http.NoBody,
	}
	var err error
	if r.URL, err = url.ParseRequestURI(given.Path); err != nil {
		// The server refuses such a request, but a handler behind another one may get it.
		r.URL = &url.URL{Path: path, RawQuery: query}
	}
	if given.WebSocket {
		r.Header.Set("Connection", "Upgrade")
		r.Header.Set("Upgrade", "websocket")
		r.Header.Set("Sec-WebSocket-Version", "13")
		r.Header.Set("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
	}
	if given.Peer != nil {
		r.RemoteAddr = *given.Peer
	}
	for _, each := range given.Headers {
		r.Header.Add(each[0], each[1])
	}
	return r
}

func checkResponse(t *testing.T, got *httptest.ResponseRecorder, expected *response) {
	t.Helper()
	if got.Code != expected.Status {
		t.Errorf("the status is %d, expected %d", got.Code, expected.Status)
	}
	headers := got.Result().Header
	for name, value := range expected.Headers {
		if found := headers.Values(name); !slices.Equal(found, []string{value}) {
			t.Errorf("%s is %q, expected %q", name, found, value)
		}
	}
	for _, name := range expected.Present {
		if found := headers.Values(name); len(found) != 1 {
			t.Errorf("%s is %q, expected one value", name, found)
		}
	}
	for _, name := range expected.Absent {
		if found := headers.Values(name); len(found) > 0 {
			t.Errorf("%s is %q, expected none", name, found)
		}
	}
	if expected.Body != nil && got.Body.String() != *expected.Body {
		t.Errorf("the body is %q, expected %q", got.Body, *expected.Body)
	}
}

var latency = regexp.MustCompile(`^\d+\.\d{3}ms$`)

// withoutLatency replaces latencies of the right form by the placeholder of the file.
func withoutLatency(events [][]string) [][]string {
	for _, words := range events {
		for i := 1; i < len(words); i++ {
			if words[i-1] == "LATENCY" && latency.MatchString(words[i]) {
				words[i] = "<latency>"
			}
		}
	}
	return events
}

func expect(t *testing.T, what string, got, expected [][]string) {
	t.Helper()
	if !slices.EqualFunc(got, expected, slices.Equal[[]string]) {
		t.Errorf("%s are\n%q, expected\n%q", what, got, expected)
	}
}

func eventOf(given lockwatch.Event) event {
	return event{string(given.Outcome), given.Policy, given.Route, given.Reason}
}

// checkCounters compares what the client has counted, and told.
func (p *player) checkCounters(s *step) {
	if s.Events != nil && !slices.Equal(p.events, s.Events) {
		p.t.Errorf("the events are\n%+v, expected\n%+v", p.events, s.Events)
	}
	if s.Stats == nil {
		return
	}
	got := p.client.Stats()
	equal := maps.EqualFunc(got.Requests, s.Stats.Requests, maps.Equal[map[lockwatch.Outcome]int64])
	if !equal || got.LimitsOff != s.Stats.LimitsOff {
		p.t.Errorf("the counters are\n%+v, expected\n%+v", got, *s.Stats)
	}
}
