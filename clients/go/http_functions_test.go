package lockwatch_test

import (
	"errors"
	"net"
	"net/http"
	"testing"

	"github.com/redis/go-redis/v9"

	"lockwatch"
	"lockwatch/internal/testserver"
)

var nothing = http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})

func TestAKeyFuncWhoseRedisIsAway(t *testing.T) {
	gone := testserver.Start(t)
	client := redis.NewClient(&redis.Options{Addr: gone.Address(), MaxRetries: -1, DialerRetries: 1})
	defer func() { _ = client.Close() }()
	keys := func(r *http.Request) (string, error) { return client.Get(r.Context(), "tenant").Result() }
	for mode, expected := range map[lockwatch.FailureMode]int{
		lockwatch.FailAllow: 200, lockwatch.FailDeny: 503, lockwatch.FailLocal: 429,
	} {
		options := lockwatch.MiddlewareOptions{KeyFunc: keys, OnRedisFailure: mode, Limits: "1/hour"}
		site, own := siteOf(t, options, nothing)
		gone.Kill()
		get(t, site.URL)
		got := get(t, site.URL)
		if got.status != expected {
			t.Errorf("%s: got %d", mode, got.status)
		}
		if got.headers.Get("X-RateLimit-Limit") != "" {
			t.Errorf("%s: the headers are %v", mode, got.headers)
		}
		if counts := own.Stats().Requests["default"]; counts[lockwatch.Allowed]+counts[lockwatch.Denied] > 0 {
			t.Errorf("%s: the counters are %v", mode, counts)
		}
	}
}

func TestAnErrorOfTheApplication(t *testing.T) {
	mistake := errors.New("no such tenant")
	for name, options := range map[string]lockwatch.MiddlewareOptions{
		"KeyFunc":  {KeyFunc: func(*http.Request) (string, error) { return "", mistake }},
		"PlanFunc": {PlanFunc: func(*http.Request) (string, error) { return "", mistake }},
		"CostFunc": {CostFunc: func(*http.Request) (int64, error) { return 0, mistake }},
	} {
		site, _ := siteOf(t, options, nothing)
		if got := get(t, site.URL); got.status != 500 {
			t.Errorf("%s: got %d", name, got.status)
		}
		var found error
		options.OnError = func(w http.ResponseWriter, _ *http.Request, err error) {
			found = err
			w.WriteHeader(http.StatusTeapot)
		}
		site, _ = siteOf(t, options, nothing)
		if got := get(t, site.URL); got.status != 418 || !errors.Is(found, mistake) {
			t.Errorf("%s: got %d, %v", name, got.status, found)
		}
	}
}

func TestErrorsOfTheNetworkAreTakenAsOnesOfRedis(t *testing.T) {
	refused := &net.OpError{Op: "dial", Err: errors.New("refused")}
	for _, failure := range []error{refused, redis.ErrClosed, lockwatch.ErrUnavailable} {
		fails := func(*http.Request) (string, error) { return "", failure }
		site, own := siteOf(t, lockwatch.MiddlewareOptions{KeyFunc: fails}, nothing)
		got := get(t, site.URL)
		if counts := own.Stats().Requests["default"]; got.status != http.StatusOK || counts[lockwatch.FailedOpen] != 1 {
			t.Errorf("%v: got %d, %v", failure, got.status, counts)
		}
	}
}

func TestTwoLimitsOnOneRequest(t *testing.T) {
	client := lockwatch.Must(lockwatch.Open(testserver.Start(t).URL(), lockwatch.Options{Service: "shop"}))
	defer func() { _ = client.Close() }()
	hourly := lockwatch.Must(lockwatch.RouteLimit(client, "5/hour", lockwatch.RouteLimitOptions{}))
	daily := lockwatch.Must(lockwatch.RouteLimit(client, "9/day", lockwatch.RouteLimitOptions{}))
	mux := http.NewServeMux()
	mux.Handle("GET /items", hourly(daily(hourly(nothing))))
	site, own := siteOf(t, lockwatch.MiddlewareOptions{}, mux)
	got := get(t, site.URL+"/items")
	if policy := got.headers.Get("RateLimit-Policy"); policy != `"get-items-2";q=9;w=86400` {
		t.Errorf("RateLimit-Policy is %s", policy)
	}
	counts := client.Stats().Requests
	if counts["get-items"][lockwatch.Allowed] != 1 || counts["get-items-2"][lockwatch.Allowed] != 1 {
		t.Errorf("the counters are %v", counts)
	}
	if own.Stats().Requests["default"][lockwatch.Allowed] != 1 {
		t.Errorf("the counters of the middleware are %v", own.Stats())
	}
}

func TestTwoMiddlewares(t *testing.T) {
	client := lockwatch.Must(lockwatch.Open(testserver.Start(t).URL(), lockwatch.Options{Service: "shop"}))
	defer func() { _ = client.Close() }()
	var failure error
	onError := func(w http.ResponseWriter, _ *http.Request, err error) {
		failure = err
		w.WriteHeader(http.StatusInternalServerError)
	}
	// The same key would be counted twice.
	inner := lockwatch.Must(lockwatch.Middleware(client, lockwatch.MiddlewareOptions{Limits: "5/hour", OnError: onError}))
	site, _ := siteOf(t, lockwatch.MiddlewareOptions{}, inner(nothing))
	if got := get(t, site.URL); got.status != 500 || !errors.Is(failure, lockwatch.ErrConfiguration) {
		t.Errorf("got %d, %v", got.status, failure)
	}
	inner = lockwatch.Must(lockwatch.Middleware(client, lockwatch.MiddlewareOptions{Limits: "5/hour", KeyPrefix: "inner"}))
	site, own := siteOf(t, lockwatch.MiddlewareOptions{}, inner(nothing))
	if got := get(t, site.URL); got.status != http.StatusOK || got.headers.Get("X-RateLimit-Limit") != "5" {
		t.Errorf("got %d with %v", got.status, got.headers)
	}
	// The outer one records the request.
	if status := statusOfEvent(t, own); status != 200 {
		t.Errorf("the status in the event is %d", status)
	}
}

func TestLimitsOnRoutesAnswerInJSON(t *testing.T) {
	client := lockwatch.Must(lockwatch.Open(testserver.Start(t).URL(), lockwatch.Options{Service: "shop"}))
	defer func() { _ = client.Close() }()
	limit := lockwatch.Must(lockwatch.RouteLimit(client, "0/hour", lockwatch.RouteLimitOptions{Name: "none"}))
	site, _ := siteOf(t, lockwatch.MiddlewareOptions{}, limit(nothing))
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, site.URL, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept", "application/problem+json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	got := response.Header.Get("Content-Type")
	if response.StatusCode != http.StatusTooManyRequests || got != "application/json" {
		t.Errorf("got %d with %s", response.StatusCode, got)
	}
}
