package lockwatchchi_test

import (
	"io"
	"net/http"
	"testing"

	"github.com/go-chi/chi/v5"

	"lockwatch"
	"lockwatch/internal/conformance"
	"lockwatch/internal/webtest"

	lockwatchchi "lockwatch/chi"
)

func TestTheMiddlewareDoesWhatTheConformanceFileSays(t *testing.T) {
	conformance.Run(t, func(client *lockwatch.Client, options lockwatch.MiddlewareOptions, app http.Handler) http.Handler {
		router := chi.NewRouter()
		router.Use(lockwatch.Must(lockwatch.Middleware(client, options)))
		router.Handle("/*", app)
		router.NotFound(app.ServeHTTP)
		router.MethodNotAllowed(app.ServeHTTP)
		return router
	})
}

// app is an application on chi, with a part that is mounted.
func app(client *lockwatch.Client, options lockwatch.MiddlewareOptions) http.Handler {
	router := chi.NewRouter()
	router.Use(lockwatch.Must(lockwatch.Middleware(client, options)))
	router.Get("/items", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "items") })
	router.Get("/panic", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	limit := lockwatch.Must(lockwatchchi.Limit(client, webtest.RouteLimit, lockwatch.RouteLimitOptions{}))
	router.Route("/orders", func(router chi.Router) {
		router.With(limit).Post("/{id}", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ordered") })
	})
	return router
}

func TestChi(t *testing.T) { webtest.Run(t, app) }
