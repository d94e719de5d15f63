package lockwatch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"sync"
	"testing"
	"time"

	"lockwatch/internal/casefile"
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
