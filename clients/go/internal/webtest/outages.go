package webtest

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"lockwatch"
	"lockwatch/internal/testserver"
)

const (
	// longestRequest is the two default timeouts, twice for a request that waits for the probe of
	// another one first, and what a busy machine adds.
	longestRequest = 2*300*time.Millisecond + 500*time.Millisecond
	backWithin     = 2 * time.Second
)

// load sends requests on 50 connections until the end of the test.
type load struct {
	longest                   atomic.Int64
	limited, letThrough, lost atomic.Int64
}

func startLoad(t *testing.T, site *site) *load {
	t.Helper()
	l := new(load)
	var all sync.WaitGroup
	ctx := t.Context()
	for range connections {
		all.Go(func() {
			for ctx.Err() == nil {
				began := time.Now()
				status, headers, err := site.ask(context.WithoutCancel(ctx), http.MethodGet, "/items")
				l.count(time.Since(began), status, headers, err)
				time.Sleep(4 * time.Millisecond)
			}
		})
	}
	t.Cleanup(all.Wait)
	return l
}

func (l *load) count(took time.Duration, status int, headers http.Header, err error) {
	for longest := l.longest.Load(); int64(took) > longest; longest = l.longest.Load() {
		if l.longest.CompareAndSwap(longest, int64(took)) {
			break
		}
	}
	switch {
	case err != nil || status != http.StatusOK:
		l.lost.Add(1)
	case headers.Get("X-RateLimit-Limit") == "":
		l.letThrough.Add(1)
	default:
		l.limited.Add(1)
	}
}

// mustFail waits for requests without a limit. There are none before.
func (l *load) mustFail(t *testing.T, least int64) {
	t.Helper()
	testserver.Eventually(t, "requests without a limit", 10*time.Second, func() bool { return l.letThrough.Load() >= least })
}

// mustRecover waits until every request has its limit again, and looks at the time that requests
// took.
func (l *load) mustRecover(t *testing.T) {
	t.Helper()
	began := time.Now()
	testserver.Eventually(t, "limits that are back", backWithin, func() bool {
		l.limited.Store(0)
		l.letThrough.Store(0)
		time.Sleep(50 * time.Millisecond)
		return l.limited.Load() > 0 && l.letThrough.Load() == 0
	})
	longest := time.Duration(l.longest.Load())
	t.Logf("limits are back after %v; the longest request took %v", time.Since(began).Round(time.Millisecond), longest)
	if longest > longestRequest {
		t.Errorf("a request took %v", longest)
	}
	if lost := l.lost.Load(); lost > 0 {
		t.Errorf("%d requests got no 200", lost)
	}
}

// outages: Redis is killed, hangs, is full, becomes a replica, or fails over by Sentinel under
// load. No request waits longer than the bound, and limits are back within two seconds.
func outages(t *testing.T, app App) {
	t.Helper()
	t.Run("killed", func(t *testing.T) {
		server := testserver.Start(t)
		l := loaded(t, server.URL(), app)
		server.Kill()
		l.mustFail(t, 20)
		server.Run(t)
		l.mustRecover(t)
	})
	t.Run("hung", func(t *testing.T) {
		server := testserver.Start(t)
		l := loaded(t, server.URL(), app)
		server.Hang(t)
		// Most of these do not wait for Redis any more.
		l.mustFail(t, 2000)
		server.Continue(t)
		l.mustRecover(t)
	})
	t.Run("full", func(t *testing.T) {
		server := testserver.Start(t)
		l := loaded(t, server.URL(), app)
		setMemory(t, server, "1mb")
		l.mustFail(t, 20)
		setMemory(t, server, "0")
		l.mustRecover(t)
	})
	t.Run("read-only", func(t *testing.T) {
		old, replacement := testserver.Start(t), testserver.Start(t)
		proxy := testserver.StartProxy(t, old)
		l := loaded(t, proxy.URL(), app)
		proxy.Lead(replacement)
		if err := old.Admin(t).ReplicaOf(t.Context(), "127.0.0.1", fmt.Sprint(replacement.Port)).Err(); err != nil {
			t.Fatal(err)
		}
		l.mustFail(t, 1)
		l.mustRecover(t)
	})
	t.Run("failed over", func(t *testing.T) { failedOver(t, app) })
}

func loaded(t *testing.T, redis string, app App) *load {
	t.Helper()
	options := lockwatch.MiddlewareOptions{Limits: "1000000/hour"}
	// With the timeouts that users have.
	l := startLoad(t, startWith(t, redis, lockwatch.Options{}, app, options))
	l.mustRecover(t)
	return l
}

func setMemory(t *testing.T, server *testserver.Server, most string) {
	t.Helper()
	if err := server.Admin(t).ConfigSet(t.Context(), "maxmemory", most).Err(); err != nil {
		t.Fatal(err)
	}
}
