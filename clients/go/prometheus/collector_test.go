package lockwatchprometheus_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	client "github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"lockwatch"
	"lockwatch/internal/testserver"
	lockwatchprometheus "lockwatch/prometheus"
)

func TestTheCountersAreScraped(t *testing.T) {
	server := testserver.Start(t)
	lw, err := lockwatch.Open(server.URL(), lockwatch.Options{Service: "shop"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = lw.Close() }()
	registry := client.NewPedanticRegistry()
	registry.MustRegister(lockwatchprometheus.NewCollector(lw))
	middleware := lockwatch.Must(lockwatch.Middleware(lw, lockwatch.MiddlewareOptions{Limits: "2/hour"}))
	app := middleware(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	get := func() { app.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/secret", nil)) }
	for range 5 {
		get()
	}
	expect(t, registry, `lockwatch_client_requests_total{outcome="allowed",policy="default"} 2`,
		`lockwatch_client_requests_total{outcome="denied",policy="default"} 3`, "lockwatch_client_limits_off 0")
	server.Kill()
	get()
	expect(t, registry, `lockwatch_client_requests_total{outcome="failed_open",policy="default"} 1`,
		"lockwatch_client_limits_off 1", "lockwatch_client_audit_dropped_total ")
}

func expect(t *testing.T, registry *client.Registry, lines ...string) {
	t.Helper()
	w := httptest.NewRecorder()
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	text, err := io.ReadAll(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range lines {
		if !strings.Contains(string(text), line) {
			t.Fatalf("%q is not in %s", line, text)
		}
	}
	for _, secret := range []string{"secret", "192.0.2.1"} {
		if strings.Contains(string(text), secret) {
			t.Fatalf("%q is in %s", secret, text)
		}
	}
}
