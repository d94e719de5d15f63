package lockwatch_test

import (
	"io"
	"net/http"
	"testing"

	"lockwatch"
	"lockwatch/internal/webtest"
)

// app is an application on http.ServeMux.
func app(client *lockwatch.Client, options lockwatch.MiddlewareOptions) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /items", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "items") })
	mux.HandleFunc("GET /panic", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	limit := lockwatch.Must(lockwatch.RouteLimit(client, webtest.RouteLimit, lockwatch.RouteLimitOptions{}))
	mux.Handle("POST /orders/{id}", limit(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "ordered")
	})))
	return lockwatch.Must(lockwatch.Middleware(client, options))(mux)
}

func TestNetHTTP(t *testing.T) { webtest.Run(t, app) }
