// Package conformance plays the cases of the conformance file through a middleware, with a server
// in place of Redis that answers what the case says.
package conformance

import (
	"encoding/json"
	"net/http"
	"testing"

	"lockwatch"
	"lockwatch/internal/casefile"
)

// testCase is a case of the file. Its members are described in CONFORMANCE.md.
type testCase struct {
	Name    string
	Options json.RawMessage
	Steps   []step
}

type step struct {
	AfterMS    int `json:"after_ms"`
	Redis      string
	Request    request
	App        *app
	RoundTrip  []exchange  `json:"round_trip"`
	RouteLimit *routeLimit `json:"route_limit"`
	AppCalled  bool        `json:"app_called"`
	Response   response
	After      []exchange `json:"after_response"`
	Audit      []string
	Events     []event
	Stats      *stats
	AuditReply json.RawMessage `json:"audit_reply"`
}

type request struct {
	Method, Path string
	Headers      [][2]string
	Peer         *string
	WebSocket    bool
}

// event is what OnEvent is called with. Empty texts are null in the file.
type event struct{ Outcome, Policy, Route, Reason string }

type stats struct {
	Requests  map[string]map[lockwatch.Outcome]int64
	LimitsOff bool `json:"limits_off"`
}

type app struct {
	Status  int
	Headers [][2]string
	Body    string
	User    any
}

type exchange struct {
	Command []string
	Reply   json.RawMessage
}

type routeLimit struct {
	Limits  string
	Options json.RawMessage
	Command []string
	Reply   json.RawMessage
}

type response struct {
	Status             int
	Headers            map[string]string
	Present            []string
	Absent             []string
	Body               *string
	Failure            *string
	ConfigurationError *string `json:"configuration_error"`
}

type defaults struct {
	Options    json.RawMessage
	App        app
	AuditReply json.RawMessage `json:"audit_reply"`
}

func readDefaults(t *testing.T) defaults {
	t.Helper()
	document, err := casefile.Document()
	if err != nil {
		t.Fatal(err)
	}
	var found defaults
	if err := json.Unmarshal(document["defaults"], &found); err != nil {
		t.Fatal(err)
	}
	return found
}

// Handler is the application of a framework behind the middleware, with app as its only handler.
// The middleware has the options.
type Handler func(client *lockwatch.Client, options lockwatch.MiddlewareOptions, app http.Handler) http.Handler

// exchanges are the commands of a step and their replies, but for the audit event.
func (s *step) exchanges() []exchange {
	all := append([]exchange(nil), s.RoundTrip...)
	if s.RouteLimit != nil && s.RouteLimit.Command != nil {
		all = append(all, exchange{s.RouteLimit.Command, s.RouteLimit.Reply})
	}
	return all
}
