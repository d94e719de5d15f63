// Package webtest tests the middleware of a framework with a real server of HTTP and a real Redis.
package webtest

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"lockwatch"
	"lockwatch/internal/testserver"
)

const connections = 50

// RouteLimit is the limit of POST /orders/{id}.
const RouteLimit = "5/hour"

// App makes an application of the framework. The middleware has the options; GET /items answers
// 200, and POST /orders/{id} with the limit RouteLimit in front, whose name is derived.
type App func(client *lockwatch.Client, options lockwatch.MiddlewareOptions) http.Handler

// Run runs all tests of this package.
func Run(t *testing.T, app App) {
	t.Helper()
	t.Run("exact", func(t *testing.T) { exact(t, app) })
	t.Run("events", func(t *testing.T) { events(t, app) })
	t.Run("panics", func(t *testing.T) { panics(t, app) })
	t.Run("outages", func(t *testing.T) { outages(t, app) })
}

// site is an application that serves HTTP.
type site struct {
	*httptest.Server
	client *lockwatch.Client
}

// patient is how long a request may wait for Redis where a busy machine must not look like one that
// is away.
const patient = 5 * time.Second

func start(t *testing.T, redis string, app App, options lockwatch.MiddlewareOptions) *site {
	t.Helper()
	return startWith(t, redis, lockwatch.Options{ConnectTimeout: patient, CommandTimeout: patient}, app, options)
}

func startWith(
	t *testing.T, redis string, settings lockwatch.Options, app App, options lockwatch.MiddlewareOptions,
) *site {
	t.Helper()
	settings.Service = "shop"
	client, err := lockwatch.Open(redis, settings)
	if err != nil {
		t.Fatal(err)
	}
	s := &site{httptest.NewServer(app(client, options)), client}
	t.Cleanup(func() {
		s.Close()
		_ = client.Close()
	})
	s.Client().Transport.(*http.Transport).MaxIdleConnsPerHost = connections
	return s
}

// ask returns the status and the headers of the response to a request.
func (s *site) ask(ctx context.Context, method, path string) (int, http.Header, error) {
	request, err := http.NewRequestWithContext(ctx, method, s.URL+path, http.NoBody)
	if err != nil {
		return 0, nil, err
	}
	response, err := s.Client().Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = response.Body.Close() }()
	_, err = io.Copy(io.Discard, response.Body)
	return response.StatusCode, response.Header, err
}

// statuses returns how many of the requests on parallel connections got each status.
func (s *site) statuses(t *testing.T, count int, method, path string) map[int]int {
	t.Helper()
	var (
		all   sync.WaitGroup
		asked atomic.Int64
		mu    sync.Mutex
	)
	found := map[int]int{}
	for range connections {
		all.Go(func() {
			for asked.Add(1) <= int64(count) {
				status, _, err := s.ask(t.Context(), method, path)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				found[status]++
				mu.Unlock()
			}
		})
	}
	all.Wait()
	return found
}

// exact: of parallel requests exactly the limit are admitted, by the middleware and by the limit of
// a route, which has one counter for all values of its parameter.
func exact(t *testing.T, app App) {
	t.Helper()
	Exact(t, app)
	server := testserver.Start(t)
	site := start(t, server.URL(), app, lockwatch.MiddlewareOptions{Limits: "1000/hour", NoBursts: true})
	if found := site.statuses(t, 100, http.MethodPost, "/orders/7"); found[200] != 5 || found[429] != 95 {
		t.Errorf("the limit of the route: %v", found)
	}
	status, headers, err := site.ask(t.Context(), http.MethodPost, "/orders/8")
	if err != nil {
		t.Fatal(err)
	}
	name := `"post-orders-.id";r=0;`
	if got := headers.Get("RateLimit"); status != http.StatusTooManyRequests || !strings.HasPrefix(got, name) {
		t.Errorf("another value of the parameter: %d with RateLimit %s", status, got)
	}
	if headers.Get("Retry-After") == "" {
		t.Error("a denial has no Retry-After")
	}
}

// Exact checks that exactly 100 of 300 parallel requests are admitted in an hour.
func Exact(t *testing.T, app App) {
	t.Helper()
	site := start(t, testserver.Start(t).URL(), app, lockwatch.MiddlewareOptions{Limits: "100/hour", NoBursts: true})
	if found := site.statuses(t, 300, http.MethodGet, "/items"); found[200] != 100 || found[429] != 200 {
		t.Errorf("of 300 requests, the statuses are %v", found)
	}
}

// events: what a request was answered is recorded, and what it was under is counted.
func events(t *testing.T, app App) {
	t.Helper()
	server := testserver.Start(t)
	site := start(t, server.URL(), app, lockwatch.MiddlewareOptions{Limits: "100/hour"})
	for _, path := range []string{"/items", "/nosuch"} {
		if _, _, err := site.ask(t.Context(), http.MethodGet, path); err != nil {
			t.Fatal(err)
		}
	}
	var found []lockwatch.AuditEvent
	testserver.Eventually(t, "two events", 5*time.Second, func() bool {
		var err error
		found, err = site.client.AuditLog(t.Context(), lockwatch.AuditQuery{})
		return err == nil && len(found) == 2
	})
	told := map[string]string{}
	for _, each := range found {
		told[each.Endpoint] = fmt.Sprint(each.Status)
	}
	if told["/items"] != "200" || told["/nosuch"] != "404" {
		t.Errorf("the statuses in the events are %v", told)
	}
	if counts := site.client.Stats().Requests["default"]; counts[lockwatch.Allowed] != 2 {
		t.Errorf("the counters are %v", counts)
	}
}

// panics: a handler that panics has the status 500 in its event, and the panic goes on.
func panics(t *testing.T, app App) {
	t.Helper()
	server := testserver.Start(t)
	site := start(t, server.URL(), app, lockwatch.MiddlewareOptions{Limits: "100/hour"})
	// The connection is closed, or a framework answers 500.
	if status, _, err := site.ask(t.Context(), http.MethodGet, "/panic"); err == nil && status != 500 {
		t.Errorf("the response is %d", status)
	}
	testserver.Eventually(t, "the event", 5*time.Second, func() bool {
		found, err := site.client.AuditLog(t.Context(), lockwatch.AuditQuery{})
		return err == nil && len(found) == 1 && fmt.Sprint(found[0].Status) == "500"
	})
}
