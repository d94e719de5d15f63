package lockwatchchi_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/go-chi/chi/v5"

	"lockwatch"

	lockwatchchi "lockwatch/chi"
)

// TestNames: the name of a limit is that of its route, whatever the values of parameters are.
func TestNames(t *testing.T) {
	nothing := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	stats := func(t *testing.T, method, path string, build func(chi.Router, func(http.Handler) http.Handler)) string {
		t.Helper()
		// No server is there, and every request is let through and counted.
		client := lockwatch.Must(lockwatch.Open("redis://127.0.0.1:1", lockwatch.Options{Service: "shop"}))
		defer func() { _ = client.Close() }()
		router := chi.NewRouter()
		build(router, lockwatch.Must(lockwatchchi.Limit(client, "5/hour", lockwatch.RouteLimitOptions{})))
		router.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), method, path, http.NoBody))
		for name := range client.Stats().Requests {
			return name
		}
		return ""
	}
	for _, each := range []struct {
		name, method, path string
		build              func(chi.Router, func(http.Handler) http.Handler)
	}{
		{"get-items-.id", "GET", "/items/7", func(r chi.Router, limit func(http.Handler) http.Handler) {
			r.With(limit).Get("/items/{id}", nothing)
		}},
		{"items", "PUT", "/items", func(r chi.Router, limit func(http.Handler) http.Handler) {
			r.With(limit).Handle("/items", nothing)
		}},
		{"post-api-.tenant-items-.id", "POST", "/api/red/items/7", func(r chi.Router, limit func(http.Handler) http.Handler) {
			sub := chi.NewRouter()
			sub.With(limit).Post("/items/{id}", nothing)
			r.Mount("/api/{tenant}", sub)
		}},
		{"api-..", "GET", "/api/items", func(r chi.Router, limit func(http.Handler) http.Handler) {
			r.Route("/api", func(r chi.Router) {
				r.Use(limit)
				r.Get("/items", nothing)
			})
		}},
		{"get-files-..", "GET", "/files/a/b", func(r chi.Router, limit func(http.Handler) http.Handler) {
			r.With(limit).Get("/files/*", nothing)
		}},
	} {
		if got := stats(t, each.method, each.path, each.build); got != each.name {
			t.Errorf("%s %s: got %q, expected %q", each.method, each.path, got, each.name)
		}
	}
}
