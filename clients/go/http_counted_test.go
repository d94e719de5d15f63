package lockwatch

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestAMiddlewareThatARequestReachesTwiceCountsItOnce(t *testing.T) {
	lw := ok[*Client](t)(Open("redis://127.0.0.1:2", Options{Service: "shop"}))
	seen := &longestArgument{}
	lw.link.connection = seen
	middleware := ok[func(http.Handler) http.Handler](t)(Middleware(lw, MiddlewareOptions{NoAudit: true, NoBursts: true}))
	response := httptest.NewRecorder()
	request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
	middleware(middleware(http.NotFoundHandler())).ServeHTTP(response, request)
	if response.Code != http.StatusNotFound || seen.sent != 1 {
		t.Fatalf("status %d after %d commands", response.Code, seen.sent)
	}
}
