package lockwatchgin_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gin-gonic/gin"

	"lockwatch"

	lockwatchgin "lockwatch/gin"
)

// TestNames: the name of a limit is that of its route, whatever the values of parameters are.
func TestNames(t *testing.T) {
	nothing := func(*gin.Context) {}
	for _, each := range []struct {
		name, method, path string
		build              func(*gin.Engine, gin.HandlerFunc)
	}{
		{"get-items-.id", "GET", "/items/7", func(e *gin.Engine, limit gin.HandlerFunc) { e.GET("/items/:id", limit, nothing) }},
		{"items", "PUT", "/items", func(e *gin.Engine, limit gin.HandlerFunc) { e.Any("/items", limit, nothing) }},
		{"post-put-items--cb0fcea8", "PUT", "/items", func(e *gin.Engine, limit gin.HandlerFunc) {
			e.Match([]string{"PUT", "POST"}, "/items", limit, nothing)
			e.GET("/items", func(c *gin.Context) { c.Status(http.StatusOK) })
		}},
		{"get-files-..", "GET", "/files/a/b", func(e *gin.Engine, limit gin.HandlerFunc) {
			e.GET("/files/*path", limit, nothing)
		}},
		{"post-api-items-.id", "POST", "/api/items/7", func(e *gin.Engine, limit gin.HandlerFunc) {
			e.Group("/api", limit).POST("/items/:id", nothing)
		}},
		{"..", "GET", "/nosuch", func(e *gin.Engine, limit gin.HandlerFunc) { e.NoRoute(limit, nothing) }},
	} {
		// No server is there, and every request is let through and counted.
		client := lockwatch.Must(lockwatch.Open("redis://127.0.0.1:1", lockwatch.Options{Service: "shop"}))
		engine := gin.New()
		each.build(engine, lockwatch.Must(lockwatchgin.Limit(engine, client, "5/hour", lockwatch.RouteLimitOptions{})))
		engine.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), each.method, each.path, http.NoBody))
		if counts := client.Stats().Requests; len(counts) != 1 || counts[each.name] == nil {
			t.Errorf("%s %s: got %v, expected %q", each.method, each.path, counts, each.name)
		}
		_ = client.Close()
	}
}
