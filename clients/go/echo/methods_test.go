package lockwatchecho

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/labstack/echo/v4"

	"lockwatch"
)

func TestMethodsThatAClientMakesUpAreNotRemembered(t *testing.T) {
	client := lockwatch.Must(lockwatch.Open("redis://127.0.0.1:1", lockwatch.Options{Service: "shop"}))
	names := new(routes)
	e := echo.New()
	group := e.Group("/api", lockwatch.Must(Limit(client, "5/hour", lockwatch.RouteLimitOptions{Route: names.text})))
	group.GET("/items", func(echo.Context) error { return nil })
	ask := func(method string) {
		request := httptest.NewRequestWithContext(t.Context(), method, "/api/items", http.NoBody)
		e.ServeHTTP(httptest.NewRecorder(), request)
	}
	ask(http.MethodGet)
	for i := range 100 {
		ask(fmt.Sprintf("M%d", i))
	}
	known := 0
	names.known.Range(func(any, any) bool { known++; return true })
	if known != 1 {
		t.Fatalf("%d texts are remembered for one route", known)
	}
}
