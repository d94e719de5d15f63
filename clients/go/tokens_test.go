package lockwatch

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"lockwatch/internal/testserver"
)

func TestTokensAreIssuedVerifiedRotatedAndRevoked(t *testing.T) {
	server := testserver.Start(t)
	lw := openClient(t, server.URL())
	ctx := t.Context()
	// A refresh token may be used once, and no second time within a grace period.
	if err := server.Admin(t).ConfigSet(ctx, "lockwatch.rotate-grace", "0").Err(); err != nil {
		t.Fatal(err)
	}
	issued := ok[*Tokens](t)(lw.Issue(ctx, "auth", "alice", IssueArgs{
		Claims:   map[string]any{"scope": "orders:read orders:write", "roles": []string{"admin", "dev"}},
		Audience: []string{"https://a.example", "https://b.example"}, AccessTTL: time.Minute, RefreshTTL: time.Hour,
		Meta: map[string]string{"ip": "203.0.113.9"},
	}))
	if left := time.Until(issued.RefreshExpiresAt); left < 59*time.Minute || left > 61*time.Minute {
		t.Fatalf("the refresh token expires in %v", left)
	}
	claims := ok[*Claims](t)(lw.Verify(ctx, "auth", issued.AccessToken, "https://b.example"))
	if claims.Subject != "alice" || claims.SessionID != issued.SessionID || claims.ID == "" ||
		!slices.Equal(claims.Scopes("scope"), []string{"orders:read", "orders:write"}) ||
		!slices.Equal(claims.Scopes("roles"), []string{"admin", "dev"}) || claims.Scopes("nothing") != nil {
		t.Fatalf("the claims are %+v", claims)
	}
	found := ok[*Introspection](t)(lw.Introspect(ctx, "auth", issued.RefreshToken))
	if !found.Active || found.All["sub"] != "alice" {
		t.Fatalf("introspection: %+v", found)
	}
	if changed := ok[int64](t)(lw.SetSubjectClaims(ctx, "auth", "alice", map[string]any{"scope": "none"})); changed != 1 {
		t.Fatalf("the claims of %d sessions changed", changed)
	}
	rotated := ok[*Tokens](t)(lw.Rotate(ctx, "auth", issued.RefreshToken, RotateArgs{}))
	claims = ok[*Claims](t)(lw.Verify(ctx, "auth", rotated.AccessToken, "https://a.example"))
	if claims.All["scope"] != "none" || rotated.SessionID != issued.SessionID {
		t.Fatalf("the claims after the rotation are %+v", claims)
	}
	sessions := ok[[]Session](t)(lw.Sessions(ctx, "auth", "alice"))
	if len(sessions) != 1 || sessions[0].Generation != 2 || string(sessions[0].Meta) != `{"ip":"203.0.113.9"}` {
		t.Fatalf("the sessions are %+v", sessions)
	}
	_, err := lw.Rotate(ctx, "auth", issued.RefreshToken, RotateArgs{})
	wantError(t, err, ErrTokenReused, "LWREUSED")
	_, err = lw.Verify(ctx, "auth", rotated.AccessToken, "https://a.example")
	wantError(t, err, ErrToken, "LWREVOKED")
}

func TestSessionsAreRevokedInEachWay(t *testing.T) {
	lw := openClient(t, testserver.Start(t).URL())
	ctx := t.Context()
	issue := func(subject string) *Tokens {
		return ok[*Tokens](t)(lw.Issue(ctx, "auth", subject, IssueArgs{}))
	}
	for name, revoke := range map[string]func() (int64, error){
		"a token":          func() (int64, error) { return lw.Revoke(ctx, "auth", issue("alice").RefreshToken) },
		"a session":        func() (int64, error) { return lw.RevokeSession(ctx, "auth", issue("alice").SessionID) },
		"all of a subject": func() (int64, error) { issue("alice"); return lw.RevokeSubject(ctx, "auth", "alice", "") },
		"all but one of them": func() (int64, error) {
			issue("bob")
			return lw.RevokeSubject(ctx, "auth", "bob", issue("bob").SessionID)
		},
	} {
		if ended := ok[int64](t)(revoke()); ended != 1 {
			t.Fatalf("%s: %d ended", name, ended)
		}
	}
	if ended := ok[int64](t)(lw.RevokeAll(ctx, "auth")); ended != 1 {
		t.Fatalf("%d ended in the end", ended)
	}
	access := ok[*Tokens](t)(lw.Issue(ctx, "auth", "carol", IssueArgs{AccessOnly: true}))
	if access.RefreshToken != "" || !access.RefreshExpiresAt.IsZero() {
		t.Fatalf("an access token alone: %+v", access)
	}
	if changed := ok[int64](t)(lw.SetSessionClaims(ctx, "auth", access.SessionID, nil)); changed != 0 {
		t.Fatalf("the claims of %d sessions changed", changed)
	}
	_, err := lw.Verify(ctx, "auth", "nonsense", "")
	wantError(t, err, ErrTokenInvalid, "LWINVALID")
	_, err = lw.Issue(ctx, "auth", "dave", IssueArgs{AccessOnly: true, RefreshTTL: time.Hour})
	wantError(t, err, ErrConfiguration, "CONFIGURATION")
	_, err = lw.Issue(ctx, "auth", "dave", IssueArgs{Meta: func() {}})
	wantError(t, err, ErrConfiguration, "CONFIGURATION")
	var keys struct{ Keys []map[string]any }
	if err := json.Unmarshal(ok[json.RawMessage](t)(lw.JWKS(ctx)), &keys); err != nil || len(keys.Keys) == 0 {
		t.Fatalf("the keys are %v, %v", keys, err)
	}
}

func TestTokensDoNotGetIntoLogs(t *testing.T) {
	log := &logText{}
	tokens := Tokens{AccessToken: "top-secret", RefreshToken: "top-secret", SessionID: "s1"}
	shownAs := fmt.Sprintf("%v %+v %#v %s %q %x", tokens, tokens, tokens.AccessToken, tokens.AccessToken, tokens.AccessToken,
		tokens.RefreshToken)
	slog.New(slog.NewJSONHandler(log, nil)).Info("issued", "tokens", tokens, "pointer", &tokens, "token", tokens.AccessToken)
	log.logger().Info("issued", "tokens", tokens, "pointer", &tokens, "token", tokens.AccessToken)
	for _, text := range []string{shownAs, log.String()} {
		if strings.Contains(text, "top-secret") || strings.Contains(text, "746f702d") || !strings.Contains(text, "s1") {
			t.Fatalf("it shows %s", text)
		}
	}
}

func TestAKeyThatIsNoTokenStoreIsAnErrorOfTheApplication(t *testing.T) {
	server := testserver.Start(t)
	if err := server.Admin(t).Set(t.Context(), "auth", "a text", 0).Err(); err != nil {
		t.Fatal(err)
	}
	var found error
	guard := ok[func(http.Handler) http.Handler](t)(RequireToken(openClient(t, server.URL()), BearerOptions{
		Store: "auth",
		OnError: func(w http.ResponseWriter, _ *http.Request, err error) {
			found = err
			w.WriteHeader(http.StatusTeapot)
		},
	}))
	request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
	request.Header.Set("Authorization", "Bearer a.b.c")
	response := httptest.NewRecorder()
	guard(http.NotFoundHandler()).ServeHTTP(response, request)
	if response.Code != http.StatusTeapot {
		t.Fatalf("the response is %d", response.Code)
	}
	wantError(t, found, ErrCommand, "WRONGTYPE")
}
