package lockwatchecho_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/labstack/echo/v4"

	"lockwatch"

	lockwatchecho "lockwatch/echo"
)

// TestNames: the name of a limit is that of its route, whatever the values of parameters are.
func TestNames(t *testing.T) {
	nothing := func(echo.Context) error { return nil }
	for _, each := range []struct {
		name, method, path string
		build              func(*echo.Echo, echo.MiddlewareFunc)
	}{
		{"get-items-.id", "GET", "/items/7", func(e *echo.Echo, limit echo.MiddlewareFunc) {
			e.GET("/items/:id", nothing, limit)
		}},
		{"items", "PUT", "/items", func(e *echo.Echo, limit echo.MiddlewareFunc) { e.Any("/items", nothing, limit) }},
		{"post-put-items--cb0fcea8", "PUT", "/items", func(e *echo.Echo, limit echo.MiddlewareFunc) {
			e.Match([]string{"PUT", "POST"}, "/items", nothing, limit)
			e.GET("/items", func(echo.Context) error { return echo.ErrForbidden })
		}},
		{"get-files-..", "GET", "/files/a/b", func(e *echo.Echo, limit echo.MiddlewareFunc) { e.GET("/files/*", nothing, limit) }},
		{"post-api-items-.id", "POST", "/api/items/7", func(e *echo.Echo, limit echo.MiddlewareFunc) {
			e.Group("/api", limit).POST("/items/:id", nothing)
		}},
		{"..", "GET", "/nosuch", func(e *echo.Echo, limit echo.MiddlewareFunc) { e.RouteNotFound("/*", nothing, limit) }},
	} {
		// No server is there, and every request is let through and counted.
		client := lockwatch.Must(lockwatch.Open("redis://127.0.0.1:1", lockwatch.Options{Service: "shop"}))
		e := echo.New()
		each.build(e, lockwatch.Must(lockwatchecho.Limit(client, "5/hour", lockwatch.RouteLimitOptions{})))
		e.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), each.method, each.path, http.NoBody))
		if counts := client.Stats().Requests; len(counts) != 1 || counts[each.name] == nil {
			t.Errorf("%s %s: got %v, expected %q", each.method, each.path, counts, each.name)
		}
		_ = client.Close()
	}
}
