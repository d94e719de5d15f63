package lockwatch

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"lockwatch/internal/testserver"
)

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

// loginServer is an application with a login that a guard protects.
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
