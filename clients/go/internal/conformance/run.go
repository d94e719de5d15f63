package conformance

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"lockwatch"
	"lockwatch/internal/casefile"
)

// Run plays all cases through the middleware of a framework.
func Run(t *testing.T, handler Handler) {
	t.Helper()
	var cases []testCase
	casefile.Section(t, "cases", &cases)
	common := readDefaults(t)
	for _, each := range cases {
		t.Run(each.Name, func(t *testing.T) {
			// Another server must not get the port of one that is closed.
			if !slices.ContainsFunc(each.Steps, func(s step) bool { return s.Redis == "refused" }) {
				t.Parallel()
			}
			play(t, &each, &common, handler)
		})
	}
}

// notInGo are the start-up errors that the types of Go exclude, or whose value is the zero value,
// which means that the option is left out.
var notInGo = []string{
	"a cost of 0",
	"an empty service",
	"skip_successful that is no boolean",
	"count_when that is no function",
	"an empty guard",
	"an ipv4_prefix as a text",
	"an error body that is a number",
	"error bodies as a text",
	"a local_share of 0",
	"a local_share as a text",
	"a guard that is no text",
}

// RefusesAtStart checks that options that cannot work are errors when the middleware is made.
func RefusesAtStart(t *testing.T) {
	t.Helper()
	var cases []struct {
		Name    string
		Options json.RawMessage
	}
	casefile.Section(t, "startup_errors", &cases)
	for _, each := range cases {
		t.Run(each.Name, func(t *testing.T) {
			var given settings
			err := given.read(each.Options)
			isExcluded := errors.Is(err, errNotInGo)
			if isExcluded != slices.Contains(notInGo, each.Name) || (err != nil && !isExcluded) {
				t.Fatalf("unexpected: %v", err)
			}
			if isExcluded {
				return
			}
			var client *lockwatch.Client
			client, err = lockwatch.Open("redis://127.0.0.1:1", given.client)
			if err == nil {
				defer closed(t, client)
				_, err = lockwatch.Middleware(client, given.middleware)
			}
			if !errors.Is(err, lockwatch.ErrConfiguration) {
				t.Errorf("got %v, expected an error of the configuration", err)
			}
		})
	}
}

func closed(t *testing.T, closer io.Closer) {
	t.Helper()
	if err := closer.Close(); err != nil {
		t.Error(err)
	}
}

// player plays one case.
type player struct {
	t       *testing.T
	server  *scriptedServer
	client  *lockwatch.Client
	handler http.Handler
	common  *defaults

	mu     sync.Mutex
	step   *step
	called bool
	// failure is what the state says, or the event of a request that the application does not get.
	failure string
	events  []event
	err     error
}

func play(t *testing.T, each *testCase, common *defaults, handler Handler) {
	t.Helper()
	given := settingsOf(t, each, common)
	p := &player{t: t, server: newScriptedServer(t), common: common}
	given.client.OnEvent = func(_ context.Context, event lockwatch.Event) {
		p.mu.Lock()
		defer p.mu.Unlock()
		if event.Outcome != lockwatch.AuditDropped {
			p.failure = event.Reason
		}
		p.events = append(p.events, eventOf(event))
	}
	client, err := lockwatch.Open(p.server.url(), given.client)
	if err != nil {
		t.Fatal(err)
	}
	p.client = client
	given.middleware.OnError = p.onError
	p.handler = handler(client, given.middleware, http.HandlerFunc(p.app))
	var audits, corrections [][]string
	for i := range each.Steps {
		for _, correction := range each.Steps[i].After {
			corrections = append(corrections, correction.Command)
			p.server.corrections = append(p.server.corrections, correction.Reply)
		}
		if each.Steps[i].Audit != nil {
			audits = append(audits, each.Steps[i].Audit)
		}
	}
	for i := range each.Steps {
		p.play(&each.Steps[i])
	}
	// It sends what waits in the queues.
	_ = client.Close()
	p.server.mu.Lock()
	defer p.server.mu.Unlock()
	expect(t, "the audit events", withoutLatency(p.server.audited), audits)
	expect(t, "the corrections", p.server.corrected, corrections)
}

func settingsOf(t *testing.T, each *testCase, common *defaults) settings {
	t.Helper()
	given := settings{client: lockwatch.Options{Logger: slog.New(slog.DiscardHandler)}}
	if err := given.read(common.Options); err != nil {
		t.Fatal(err)
	}
	if members, err := membersOf(each.Options); err != nil {
		t.Fatal(err)
	} else if slices.ContainsFunc(members, func(m member) bool { return strings.HasPrefix(m.name, "rate_limit_") }) {
		given.middleware.Limits = ""
	}
	if err := given.read(each.Options); err != nil {
		t.Fatal(err)
	}
	for i := range each.Steps {
		for _, exchange := range each.Steps[i].exchanges() {
			if strings.Contains(string(exchange.Reply), `"timeout"`) {
				return given
			}
		}
	}
	// On a busy machine an expected answer must not become a timeout.
	given.client.CommandTimeout = 10 * time.Second
	return given
}

func (p *player) onError(w http.ResponseWriter, _ *http.Request, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.err = err
	w.WriteHeader(http.StatusInternalServerError)
}

// app is the application, with the limit that the step places in front of it.
func (p *player) app(w http.ResponseWriter, r *http.Request) {
	if state := lockwatch.StateOf(r.Context()); state != nil {
		p.mu.Lock()
		p.failure = state.Failure()
		p.mu.Unlock()
	}
	handler := http.Handler(http.HandlerFunc(p.answer))
	if placed := p.step.RouteLimit; placed != nil {
		options := lockwatch.RouteLimitOptions{OnError: p.onError}
		if err := readRouteLimit(&options, placed.Options); err != nil {
			p.t.Fatal(err)
		}
		limits := placed.Limits
		if options.LimitsFunc != nil {
			limits = ""
		}
		limit, err := lockwatch.RouteLimit(p.client, limits, options)
		if err != nil {
			p.t.Fatal(err)
		}
		handler = limit(handler)
	}
	handler.ServeHTTP(w, r)
}

func (p *player) answer(w http.ResponseWriter, r *http.Request) {
	p.called = true
	answer := p.step.App
	if answer == nil {
		if p.step.Request.WebSocket {
			w.WriteHeader(http.StatusSwitchingProtocols)
			return
		}
		answer = &p.common.App
	}
	if user, ok := answer.User.(string); ok {
		lockwatch.StateOf(r.Context()).SetUser(user)
	}
	for _, each := range answer.Headers {
		w.Header().Add(each[0], each[1])
	}
	w.WriteHeader(answer.Status)
	if _, err := io.WriteString(w, answer.Body); err != nil {
		p.t.Error(err)
	}
}

func (p *player) play(s *step) {
	// How long the breaker stays open is what these cases test, so the time has to pass.
	time.Sleep(time.Duration(s.AfterMS) * time.Millisecond)
	p.begin(s)
	recorder := httptest.NewRecorder()
	p.handler.ServeHTTP(recorder, requestOf(s.Request))
	p.checkCommands(s)
	if p.called != s.AppCalled {
		p.t.Errorf("the application was called: %v", p.called)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if expected := s.Response.ConfigurationError; expected != nil {
		if p.err == nil || !errors.Is(p.err, lockwatch.ErrConfiguration) || !strings.Contains(p.err.Error(), *expected) {
			p.t.Errorf("got the error %v, expected %q", p.err, *expected)
		}
		return
	}
	if p.err != nil {
		p.t.Fatal(p.err)
	}
	checkResponse(p.t, recorder, &s.Response)
	p.checkCounters(s)
	if s.Response.Failure != nil && p.failure != *s.Response.Failure {
		p.t.Errorf("the failure is %q, expected %q", p.failure, *s.Response.Failure)
	}
}

func (p *player) begin(s *step) {
	p.mu.Lock()
	p.step, p.called, p.failure, p.events, p.err = s, false, "", nil, nil
	p.mu.Unlock()
	if s.Redis == "refused" {
		p.server.refuse()
	}
	p.server.mu.Lock()
	defer p.server.mu.Unlock()
	p.server.sent = nil
	for _, exchange := range s.exchanges() {
		p.server.script = append(p.server.script, exchange.Reply)
	}
	p.server.auditReply = p.common.AuditReply
	if s.AuditReply != nil {
		p.server.auditReply = s.AuditReply
	}
}

func (p *player) checkCommands(s *step) {
	p.server.mu.Lock()
	defer p.server.mu.Unlock()
	var commands, expected [][]string
	writes := map[where]int{}
	for _, each := range p.server.sent {
		commands = append(commands, each.words)
		writes[each.where]++
	}
	for _, each := range s.exchanges() {
		expected = append(expected, each.Command)
	}
	expect(p.t, "the commands", commands, expected)
	count := 0
	if len(s.RoundTrip) > 0 {
		count++
	}
	if len(expected) > len(s.RoundTrip) {
		count++
	}
	if len(writes) != count {
		p.t.Errorf("the commands came in %d writes, expected %d: %v", len(writes), count, p.server.sent)
	}
}
