package lockwatch

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"lockwatch/internal/testserver"
)

// passwords is an application that knows one user.
func passwords(r *http.Request) (*Login, error) {
	user, password := Credentials(r)
	if user != "alice" || password != "wonderland" {
		return nil, nil
	}
	return &Login{Subject: user, Claims: map[string]any{"scope": "orders:read"}}, nil
}

// tokenApp is a server with the endpoints below a prefix, a route that needs a token, and the keys.
func tokenApp(t *testing.T, lw *Client, options TokenOptions) *httptest.Server {
	t.Helper()
	options.Store, options.Authenticate = "auth", passwords
	mux := http.NewServeMux()
	ok[*TokenEndpoints](t)(NewTokenEndpoints(lw, options)).Register(mux, "/auth/")
	for path, scopes := range map[string][]string{"/orders": {"orders:read"}, "/admin": {"orders:read", "admin"}} {
		guard := ok[func(http.Handler) http.Handler](t)(RequireToken(lw, BearerOptions{Store: "auth", Scopes: scopes}))
		mux.Handle(path, guard(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, ClaimsOf(r.Context()).Subject)
		})))
	}
	mux.Handle("GET "+JWKSPath, lw.JWKSHandler())
	outer := http.NewServeMux()
	outer.Handle("/api/", http.StripPrefix("/api", mux))
	outer.Handle("/", mux)
	audited := ok[func(http.Handler) http.Handler](t)(Middleware(lw, MiddlewareOptions{}))
	server := httptest.NewTLSServer(audited(outer))
	t.Cleanup(server.Close)
	return server
}

type answer struct {
	status int
	header http.Header
	body   map[string]any
	text   string
}

// ask sends a request with headers in pairs.
func ask(t *testing.T, client *http.Client, method, address, body string, headers ...string) answer {
	t.Helper()
	r := ok[*http.Request](t)(http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body)))
	for pair := range slices.Chunk(headers, 2) {
		r.Header.Set(pair[0], pair[1])
	}
	response, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text := ok[[]byte](t)(io.ReadAll(response.Body))
	found := answer{response.StatusCode, response.Header, map[string]any{}, string(text)}
	_ = json.Unmarshal(text, &found.body)
	return found
}

func TestALoginRefreshAndLogoutByTheBody(t *testing.T) {
	server := testserver.Start(t)
	lw := openClient(t, server.URL())
	app := tokenApp(t, lw, TokenOptions{})
	post := func(path, body string, headers ...string) answer {
		return ask(t, app.Client(), http.MethodPost, app.URL+path, body, headers...)
	}
	wrong := post("/auth/login", `{"username": "alice", "password": "guess"}`)
	if wrong.status != 401 || wrong.body["error"] != "invalid_credentials" || wrong.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("wrong credentials: %+v", wrong)
	}
	form := post("/auth/login", "username=alice&password=wonderland", "Content-Type", "application/x-www-form-urlencoded")
	login := post("/auth/login", `{"username": "alice", "password": "wonderland"}`, "Content-Type", "application/json")
	for _, each := range []answer{form, login} {
		expires, _ := each.body["expires_in"].(float64)
		if each.status != 200 || each.body["token_type"] != "Bearer" || expires < 60 || each.body["refresh_token"] == nil {
			t.Fatalf("a login: %+v", each)
		}
	}
	first, _ := login.body["refresh_token"].(string)
	refreshed := post("/auth/refresh", `{"refresh_token": "`+first+`"}`)
	access, _ := refreshed.body["access_token"].(string)
	if refreshed.status != 200 || access == "" {
		t.Fatalf("a refresh: %+v", refreshed)
	}
	authorization := "Bearer " + access
	orders := ask(t, app.Client(), http.MethodGet, app.URL+"/orders", "", "Authorization", authorization)
	if orders.status != 200 || orders.text != "alice" {
		t.Fatalf("a request with the token: %+v", orders)
	}
	sessions := ok[[]Session](t)(lw.Sessions(t.Context(), "auth", "alice"))
	if len(sessions) != 2 || !strings.Contains(string(sessions[0].Meta), `"ip":"127.0.0.1"`) ||
		!strings.Contains(string(sessions[0].Meta), `"user_agent":"Go-http-client`) {
		t.Fatalf("the sessions are %+v", sessions)
	}
	if out := post("/auth/logout", "", "Authorization", authorization); out.status != 204 || out.text != "" {
		t.Fatalf("a logout: %+v", out)
	}
	for path, body := range map[string]string{
		"/auth/refresh": `{"refresh_token": "` + first + `"}`, "/auth/logout": "",
	} {
		if late := post(path, body); late.status != 401 || late.header.Get("WWW-Authenticate") == "" {
			t.Fatalf("%s after the logout: %+v", path, late)
		}
	}
}

func TestARouteThatNeedsAToken(t *testing.T) {
	lw := openClient(t, testserver.Start(t).URL())
	app := tokenApp(t, lw, TokenOptions{})
	issued := ok[*Tokens](t)(lw.Issue(t.Context(), "auth", "alice", IssueArgs{Claims: map[string]any{"scope": "orders:read"}}))
	get := func(path, authorization string) answer {
		return ask(t, app.Client(), http.MethodGet, app.URL+path, "", "Authorization", authorization)
	}
	for _, each := range []struct {
		path, authorization string
		status              int
		challenge           string
	}{
		{"/orders", "", 401, `Bearer realm="api"`},
		{"/orders", "Basic YTpi", 401, `Bearer realm="api"`},
		{"/orders", "Bearer nonsense", 401,
			`Bearer realm="api", error="invalid_token", error_description="the token is not valid"`},
		{"/admin", "bearer  " + string(issued.AccessToken), 403,
			`Bearer realm="api", error="insufficient_scope", scope="orders:read admin"`},
		{"/orders", "bearer " + string(issued.AccessToken), 200, ""},
	} {
		found := get(each.path, each.authorization)
		if found.status != each.status || found.header.Get("WWW-Authenticate") != each.challenge {
			t.Errorf("%s with %q: %d %q", each.path, each.authorization, found.status, found.header.Get("WWW-Authenticate"))
		}
	}
}

func TestARefreshTokenInACookie(t *testing.T) {
	lw := openClient(t, testserver.Start(t).URL())
	app := tokenApp(t, lw, TokenOptions{Cookie: &CookieOptions{Origins: []string{"https://App.example:443/"}}})
	browser := app.Client()
	browser.Jar = ok[*cookiejar.Jar](t)(cookiejar.New(nil))
	for _, base := range []string{"/auth", "/api/auth"} {
		post := func(action, origin string) answer {
			body := `{"username": "alice", "password": "wonderland"}`
			return ask(t, browser, http.MethodPost, app.URL+base+"/"+action, body, "Origin", origin)
		}
		if other := post("login", "https://evil.example"); other.status != 403 || other.body["error"] != "origin_not_allowed" {
			t.Fatalf("another origin: %+v", other)
		}
		login := post("login", "https://app.example")
		cookie := login.header.Get("Set-Cookie")
		for _, part := range []string{
			"lw_refresh=lwr_", "Path=" + base + ";", "HttpOnly", "Secure", "SameSite=Strict", "Max-Age=",
		} {
			if !strings.Contains(cookie, part) {
				t.Fatalf("the cookie %q has no %q", cookie, part)
			}
		}
		if login.body["refresh_token"] != nil {
			t.Fatalf("the token is in the body: %+v", login)
		}
		if refreshed := post("refresh", "https://app.example"); refreshed.status != 200 {
			t.Fatalf("a refresh: %+v", refreshed)
		}
		out := post("logout", "https://app.example")
		if out.status != 204 || !strings.Contains(out.header.Get("Set-Cookie"), "Max-Age=0") {
			t.Fatalf("a logout: %+v", out)
		}
		address := ok[*url.URL](t)(url.Parse(app.URL + base + "/refresh"))
		if left := browser.Jar.Cookies(address); len(left) != 0 {
			t.Fatalf("the browser has still %v", left)
		}
	}
}

func TestAGuardInFrontOfTheLogin(t *testing.T) {
	server := testserver.Start(t)
	lw := openClient(t, server.URL())
	guard := ok[*Guard](t)(NewGuard(lw, "login", GuardOptions{Challenge: ChallengeDeny}))
	app := tokenApp(t, lw, TokenOptions{Guard: guard})
	login := func(password string) answer {
		body := `{"username": "alice", "password": "` + password + `"}`
		return ask(t, app.Client(), http.MethodPost, app.URL+"/auth/login", body)
	}
	success := login("wonderland")
	if !strings.Contains(success.header.Get("Set-Cookie"), "lw_device=") {
		t.Fatalf("a login: %+v", success)
	}
	denied := 0
	for range 10 {
		if found := login("guess"); found.status == 429 && found.body["error"] == "temporarily_blocked" {
			denied++
		}
	}
	if denied == 0 {
		t.Fatal("ten wrong passwords are not denied")
	}
}

func TestWithoutRedisTokensAreAnswered503(t *testing.T) {
	lw := ok[*Client](t)(Open("redis://127.0.0.1:1", Options{}))
	defer func() { _ = lw.Close() }()
	app := tokenApp(t, lw, TokenOptions{})
	for path, body := range map[string]string{
		"/auth/login":   `{"username": "alice", "password": "wonderland"}`,
		"/auth/refresh": `{"refresh_token": "lwr_x"}`,
		"/auth/logout":  `{"refresh_token": "lwr_x"}`,
		"/orders":       "",
	} {
		found := ask(t, app.Client(), http.MethodPost, app.URL+path, body, "Authorization", "Bearer x")
		if found.status != 503 || found.header.Get("Retry-After") != "1" || found.body["error"] != "service_unavailable" {
			t.Errorf("%s: %+v", path, found)
		}
	}
	if keys := ask(t, app.Client(), http.MethodGet, app.URL+JWKSPath, ""); keys.status != 503 {
		t.Errorf("the keys: %+v", keys)
	}
}

func TestTheKeysArePublished(t *testing.T) {
	lw := openClient(t, testserver.Start(t).URL())
	app := tokenApp(t, lw, TokenOptions{})
	first := ask(t, app.Client(), http.MethodGet, app.URL+JWKSPath, "")
	if first.status != 200 || first.header.Get("Content-Type") != "application/jwk-set+json" || first.body["keys"] == nil {
		t.Fatalf("the keys: %+v", first)
	}
	again := ask(t, app.Client(), http.MethodGet, app.URL+JWKSPath, "", "If-None-Match", `"x", W/`+first.header.Get("ETag"))
	if again.status != 304 || again.text != "" {
		t.Fatalf("the same keys: %+v", again)
	}
}

func TestOptionsOfTokensThatAreRefused(t *testing.T) {
	lw := ok[*Client](t)(Open("redis://127.0.0.1:1", Options{}))
	defer func() { _ = lw.Close() }()
	https := []string{"https://app.example"}
	for name, cookie := range map[string]CookieOptions{
		"no origins": {}, "a pattern": {Origins: []string{"https://*.example"}},
		"not secure": {Origins: https, Insecure: true}, "a path": {Origins: https, Path: "/a;b"},
		"host, domain": {Origins: https, Name: "__Host-a", Domain: "app.example"},
		"host, path":   {Origins: https, Name: "__host-a", Path: "/auth"},
		"secure":       {Origins: []string{"http://localhost:3000"}, Name: "__Secure-a", Insecure: true},
	} {
		_, err := NewTokenEndpoints(lw, TokenOptions{Store: "auth", Authenticate: passwords, Cookie: &cookie})
		if err == nil {
			t.Errorf("%s is accepted", name)
			continue
		}
		wantError(t, err, ErrConfiguration, "CONFIGURATION")
	}
	for _, options := range []TokenOptions{{Store: "auth"}, {Authenticate: passwords}} {
		_, err := NewTokenEndpoints(lw, options)
		wantError(t, err, ErrConfiguration, "CONFIGURATION")
	}
	for _, options := range []BearerOptions{{}, {Store: "a", Realm: `"`}, {Store: "a", Scopes: []string{"a b"}}} {
		_, err := RequireToken(lw, options)
		wantError(t, err, ErrConfiguration, "CONFIGURATION")
	}
}
