package lockwatch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"lockwatch/internal/casefile"
	"lockwatch/internal/testserver"
)

// script answers commands from a list, and keeps what was sent.
type script struct {
	t       *testing.T
	mu      sync.Mutex
	replies []json.RawMessage
	sent    [][]string
}

func (s *script) send(_ context.Context, commands []command) ([]reply, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	replies := make([]reply, len(commands))
	for i, cmd := range commands {
		words := make([]string, len(cmd.args))
		for at, word := range cmd.args {
			words[at] = fmt.Sprint(word)
		}
		s.sent = append(s.sent, words)
		if len(s.replies) == 0 {
			replies[i] = reply{value: []any{int64(0), int64(0), nil, int64(0), int64(0), int64(0)}}
			continue
		}
		replies[i] = s.replyOf(s.replies[0])
		s.replies = s.replies[1:]
	}
	return replies, nil
}

func (s *script) replyOf(text json.RawMessage) reply {
	var failure struct{ Error string }
	if json.Unmarshal(text, &failure) == nil && failure.Error != "" {
		return reply{err: answeredError(failure.Error, "")}
	}
	var values []any
	if err := json.Unmarshal(text, &values); err != nil {
		s.t.Fatal(err)
	}
	for i, value := range values {
		if number, isNumber := value.(float64); isNumber {
			values[i] = int64(number)
		}
	}
	return reply{value: values}
}

func (s *script) close() error { return nil }

// scriptedClient sends everything to a script, also what comes after a response.
func scriptedClient(t *testing.T, replies []json.RawMessage) (*Client, *script, *script) {
	t.Helper()
	lw := ok[*Client](t)(Open("redis://127.0.0.1:1", Options{}))
	t.Cleanup(func() { _ = lw.Close() })
	asked, told := &script{t: t, replies: replies}, &script{t: t}
	lw.link.connection, lw.outcomes.connection = asked, told
	return lw, asked, told
}

type guardCase struct {
	Name    string
	Options struct {
		Challenge         ChallengeMode
		ChallengeReturns  *bool       `json:"challenge_returns"`
		OnRedisFailure    FailureMode `json:"on_redis_failure"`
		Normalize         *bool
		PasswordDigestKey string `json:"password_digest_key"`
	}
	Attempt Trial
	Asked   []struct {
		Command []string
		Reply   json.RawMessage
	}
	Result     string
	RetryAfter *int64 `json:"retry_after"`
	Says       []string
	Told       [][]string
}

func (c *guardCase) options() GuardOptions {
	options := GuardOptions{
		Challenge: c.Options.Challenge, OnRedisFailure: c.Options.OnRedisFailure,
		PasswordDigestKey: []byte(c.Options.PasswordDigestKey),
		UserAsGiven:       c.Options.Normalize != nil && !*c.Options.Normalize,
	}
	if passes := c.Options.ChallengeReturns; passes != nil {
		options.ChallengeFunc = func(*http.Request, *GuardResult) (bool, *Reply, error) { return *passes, nil, nil }
	}
	return options
}

func TestAGuardDoesWhatTheConformanceFileSays(t *testing.T) {
	var cases []guardCase
	casefile.Section(t, "guard_attempts", &cases)
	for _, each := range cases {
		t.Run(each.Name, func(t *testing.T) { playGuard(t, &each) })
	}
}

func playGuard(t *testing.T, c *guardCase) {
	t.Helper()
	var replies []json.RawMessage
	var expected [][]string
	for _, exchange := range c.Asked {
		replies, expected = append(replies, exchange.Reply), append(expected, exchange.Command)
	}
	lw, asked, told := scriptedClient(t, replies)
	guard := ok[*Guard](t)(NewGuard(lw, "login", c.options()))
	attempt, err := guard.Attempt(t.Context(), c.Attempt)
	checkResult(t, c, err)
	if err == nil {
		says := map[string]func(){
			"failed": attempt.Failed, "unknown": attempt.Unknown, "password_ok": attempt.PasswordOK,
			"mfa_failed": attempt.MFAFailed, "succeeded": func() { attempt.Succeeded(nil) },
		}
		for _, outcome := range c.Says {
			says[outcome]()
		}
	}
	lw.outcomes.close(5 * time.Second)
	if !reflect.DeepEqual(asked.sent, expected) {
		t.Errorf("asked: %v, not %v", asked.sent, expected)
	}
	if len(told.sent) != len(c.Told) || len(c.Told) > 0 && !reflect.DeepEqual(told.sent, c.Told) {
		t.Errorf("told: %v, not %v", told.sent, c.Told)
	}
}

func checkResult(t *testing.T, c *guardCase, err error) {
	t.Helper()
	var denied *DeniedError
	switch c.Result {
	case "goes on":
		if err != nil {
			t.Fatal(err)
		}
	case "denied":
		if !errors.Is(err, ErrAttemptDenied) || !errors.As(err, &denied) {
			t.Fatalf("the error is %v", err)
		}
		if seconds := secondsOf(denied.RetryAfter); !reflect.DeepEqual(seconds, c.RetryAfter) {
			t.Fatalf("it may try again after %v", denied.RetryAfter)
		}
	case "unavailable":
		if !errors.Is(err, ErrUnavailable) {
			t.Fatalf("the error is %v", err)
		}
	case "configuration_error":
		if !errors.Is(err, ErrConfiguration) || !errors.Is(err, ErrNoRule) {
			t.Fatalf("the error is %v", err)
		}
	default:
		t.Fatalf("the result %q is unknown", c.Result)
	}
}

func TestASecondFinalOutcomeIsDropped(t *testing.T) {
	lw, _, told := scriptedClient(t, nil)
	guard := ok[*Guard](t)(NewGuard(lw, "login", GuardOptions{Challenge: ChallengeDeny}))
	attempt := ok[*Attempt](t)(guard.Attempt(t.Context(), Trial{User: "alice"}))
	attempt.PasswordOK()
	attempt.Succeeded(nil)
	attempt.Failed()
	guard.Reset("alice")
	lw.outcomes.close(5 * time.Second)
	want := []string{"password", "success", "reset"}
	var kinds []string
	for _, words := range told.sent {
		kinds = append(kinds, words[2])
	}
	if !slices.Equal(kinds, want) || attempt.Outcome() != "success" {
		t.Fatalf("told: %v", told.sent)
	}
}

// loginServer is an application with a login that a guard stands in front of.
func loginServer(t *testing.T, guard *Guard) func(user, password string, device *http.Cookie) *http.Response {
	t.Helper()
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		attempt, err := guard.AttemptRequest(r, user, password)
		if err != nil {
			guard.Refuse(w, r, err)
			return
		}
		if password != "right" {
			attempt.Failed()
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		attempt.Succeeded(w)
	})
	return func(user, password string, device *http.Cookie) *http.Response {
		r := httptest.NewRequest(http.MethodPost, "/login", nil)
		r.SetBasicAuth(user, password)
		if device != nil {
			r.AddCookie(device)
		}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		return w.Result()
	}
}

func TestALoginIsGuarded(t *testing.T) {
	server := testserver.Start(t)
	lw := openClient(t, server.URL())
	key := []byte("0123456789abcdef")
	guard := ok[*Guard](t)(NewGuard(lw, "login", GuardOptions{Challenge: ChallengeDeny, PasswordDigestKey: key}))
	login := loginServer(t, guard)
	success := login("alice", "right", nil)
	defer func() { _ = success.Body.Close() }()
	device := success.Cookies()[0]
	if device.Name != "lw_device" || !deviceText.MatchString(device.Value) || !device.HttpOnly || !device.Secure {
		t.Fatalf("the cookie is %v", device)
	}
	refused := 0
	for number := range 12 {
		response := login("alice", fmt.Sprintf("wrong%d", number), nil)
		_ = response.Body.Close()
		if response.StatusCode == http.StatusTooManyRequests {
			refused++
		}
	}
	if refused == 0 {
		t.Fatal("twelve wrong passwords are not challenged")
	}
	known := login("alice", "right", device)
	defer func() { _ = known.Body.Close() }()
	if known.StatusCode != http.StatusOK {
		t.Fatalf("the known device is answered %d", known.StatusCode)
	}
}

func TestAGuardAnswersWithoutRedis(t *testing.T) {
	lw := ok[*Client](t)(Open("redis://127.0.0.1:1", Options{}))
	defer func() { _ = lw.Close() }()
	for mode, status := range map[FailureMode]int{"": 503, FailDeny: 503, FailAllow: 200} {
		guard := ok[*Guard](t)(NewGuard(lw, "login", GuardOptions{Challenge: ChallengeDeny, OnRedisFailure: mode}))
		response := loginServer(t, guard)("alice", "right", nil)
		_ = response.Body.Close()
		if response.StatusCode != status || status == 503 && response.Header.Get("Retry-After") != "1" {
			t.Fatalf("%q is answered %d", mode, response.StatusCode)
		}
	}
}

func TestAChallengeFunctionMayAnswerItself(t *testing.T) {
	challenge := json.RawMessage(`[1, 0, "account", 0, 1, 0]`)
	for name, want := range map[string]struct {
		reply *Reply
		body  string
	}{
		"nothing": {nil, `{"error":"challenge_required","retry_after":null}`},
		"a page":  {&Reply{Status: 403, Body: []byte("solve this")}, "solve this"},
	} {
		lw, _, _ := scriptedClient(t, []json.RawMessage{challenge})
		guard := ok[*Guard](t)(NewGuard(lw, "", GuardOptions{
			KeyFunc: func(*http.Request) (string, error) { return "login:{a}", nil },
			ChallengeFunc: func(*http.Request, *GuardResult) (bool, *Reply, error) {
				return false, want.reply, nil
			},
		}))
		r := httptest.NewRequest(http.MethodPost, "/login", nil)
		_, err := guard.AttemptRequest(r, "alice", "")
		w := httptest.NewRecorder()
		guard.Refuse(w, r, err)
		if body := w.Body.String(); body != want.body {
			t.Fatalf("%s: the body is %q", name, body)
		}
	}
}

func TestOptionsOfGuardsThatAreRefused(t *testing.T) {
	lw, _, _ := scriptedClient(t, nil)
	withCookie := func(cookie DeviceCookie) GuardOptions {
		return GuardOptions{Challenge: ChallengeDeny, DeviceCookie: cookie}
	}
	for _, each := range []struct {
		key     string
		options GuardOptions
		error   string
	}{
		{"login", GuardOptions{}, "one of Challenge"},
		{"", GuardOptions{Challenge: ChallengeDeny}, "a key like 'login'"},
		{"login", GuardOptions{Challenge: "maybe"}, "'maybe'"},
		{"login", GuardOptions{Challenge: ChallengeDeny, OnRedisFailure: FailLocal}, "OnRedisFailure"},
		{"login", GuardOptions{Challenge: ChallengeDeny, PasswordDigestKey: []byte("short")}, "16 random bytes"},
		{"login", withCookie(DeviceCookie{Name: "a b"}), "name of a cookie"},
		{"login", withCookie(DeviceCookie{Path: "auth"}), "Path"},
		{"login", withCookie(DeviceCookie{Domain: ".a"}), "Domain"},
		{"login", withCookie(DeviceCookie{Name: "__Secure-a", Insecure: true}), "refuse"},
		{"login", withCookie(DeviceCookie{Name: "__Host-a", Path: "/a"}), "browsers take"},
	} {
		_, err := NewGuard(lw, each.key, each.options)
		wantError(t, err, ErrConfiguration, "CONFIGURATION")
		if !strings.Contains(err.Error(), each.error) {
			t.Errorf("the error %q does not say %q", err, each.error)
		}
	}
}
