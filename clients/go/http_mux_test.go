package lockwatch

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
)

// textsOf serves a request by a mux, and returns the text of the route that a limit sees in its
// place.
func textsOf(t *testing.T, build func(limit func(http.Handler) http.Handler) http.Handler, method, target string) string {
	t.Helper()
	found := "not called"
	limit := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			found = muxRoute(r)
			next.ServeHTTP(w, r)
		})
	}
	handler := build(limit)
	r := httptest.NewRequestWithContext(t.Context(), method, target, http.NoBody)
	state := new(State)
	r = r.WithContext(context.WithValue(r.Context(), stateKey{}, state))
	// As the middleware does.
	state.request = r
	handler.ServeHTTP(httptest.NewRecorder(), r)
	return found
}

func TestTheRouteOfAMux(t *testing.T) {
	nothing := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	for _, each := range []struct{ pattern, method, target, text string }{
		{"POST /orders/{id}", "POST", "/orders/7", "POST /orders/{id}"},
		{"GET /orders/{id}", "HEAD", "/orders/7", "GET /orders/{id}"},
		{"/orders", "PUT", "/orders", "/orders"},
		{"/static/", "GET", "/static/a/b", "/static/**"},
		{"GET /files/{path...}", "GET", "/files/a/b", "GET /files/**"},
		{"GET /{$}", "GET", "/", "GET /"},
		{"/", "GET", "/nosuch", "/**"},
		{"api.example/v1/{id}", "GET", "http://api.example/v1/7", "//api.example/v1/{id}"},
		{"GET  api.example/v1", "GET", "http://api.example/v1?a=/b", "GET //api.example/v1"},
	} {
		t.Run(each.pattern, func(t *testing.T) {
			got := textsOf(t, func(limit func(http.Handler) http.Handler) http.Handler {
				mux := http.NewServeMux()
				mux.Handle(each.pattern, limit(nothing))
				return mux
			}, each.method, each.target)
			if got != each.text {
				t.Errorf("got %q, expected %q", got, each.text)
			}
		})
	}
}

func TestTheRouteOfAMountedMux(t *testing.T) {
	nothing := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	mounted := func(outer, prefix, inner string) func(func(http.Handler) http.Handler) http.Handler {
		return func(limit func(http.Handler) http.Handler) http.Handler {
			sub := http.NewServeMux()
			sub.Handle(inner, limit(nothing))
			mux := http.NewServeMux()
			mux.Handle(outer, http.StripPrefix(prefix, sub))
			return mux
		}
	}
	for _, each := range []struct{ outer, prefix, inner, target, text string }{
		{"/api/", "/api", "GET /orders/{id}", "/api/orders/7", "GET /api/orders/{id}"},
		{"/api/", "/api", "GET /{$}", "/api/", "GET /api"},
		{"/t/{tenant}/", "/t/red", "GET /orders/{id}", "/t/red/orders/7", "GET /t/{tenant}/orders/{id}"},
		// What was taken away is not what the outer mux has matched.
		{"/", "/api", "GET /orders/{id}", "/api/orders/7", ""},
		{"/api/", "/api/v1", "GET /orders/{id}", "/api/v1/orders/7", ""},
	} {
		if got := textsOf(t, mounted(each.outer, each.prefix, each.inner), "GET", each.target); got != each.text {
			t.Errorf("%s in %s: got %q, expected %q", each.inner, each.outer, got, each.text)
		}
	}
	// A limit in front of the whole mount.
	whole := func(limit func(http.Handler) http.Handler) http.Handler {
		mux := http.NewServeMux()
		mux.Handle("/api/", limit(http.StripPrefix("/api", http.NewServeMux())))
		return mux
	}
	if got := textsOf(t, whole, "GET", "/api/orders/7"); got != "/api/**" {
		t.Errorf("in front of the mount: got %q", got)
	}
	// A limit without a mux.
	alone := func(limit func(http.Handler) http.Handler) http.Handler { return limit(nothing) }
	if got := textsOf(t, alone, "GET", "/a"); got != "" {
		t.Errorf("without a mux: got %q", got)
	}
}
