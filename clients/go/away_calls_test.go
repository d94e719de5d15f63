package lockwatch

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"lockwatch/internal/testserver"
)

func TestEveryPooledConnectionIsReplacedAtOnce(t *testing.T) {
	old, replacement := testserver.Start(t), testserver.Start(t)
	proxy := testserver.StartProxy(t, old)
	lw := openClient(t, proxy.URL())
	ctx, limits := t.Context(), MustParseLimits("1000/hour")
	together(8, func() { _, _ = lw.RateLimit(ctx, "a", limits) })
	proxy.Lead(replacement)
	if err := old.Admin(t).ReplicaOf(ctx, "127.0.0.1", fmt.Sprint(replacement.Port)).Err(); err != nil {
		t.Fatal(err)
	}
	testserver.Eventually(t, "a replica", 10*time.Second, func() bool {
		return strings.Contains(old.Admin(t).Info(ctx, "replication").Val(), "master_link_status:up")
	})
	_, err := lw.RateLimit(ctx, "a", limits)
	wantError(t, err, ErrUnavailable, "READONLY")
	var failed atomic.Int64
	together(8, func() {
		if _, err := lw.RateLimit(ctx, "a", limits); err != nil {
			failed.Add(1)
		}
	})
	if failed.Load() > 0 {
		t.Fatalf("%d calls met an old connection", failed.Load())
	}
}

func together(count int, run func()) {
	var all sync.WaitGroup
	for range count {
		all.Go(run)
	}
	all.Wait()
}

func TestTheBreakerOpensAndAdmitsAProbe(t *testing.T) {
	server := testserver.Start(t)
	lw := ok[*Client](t)(Open(server.URL(), Options{BreakerPause: 400 * time.Millisecond}))
	defer func() { _ = lw.Close() }()
	ctx, limits := t.Context(), MustParseLimits("1000/hour")
	ok[*RateLimitResult](t)(lw.RateLimit(ctx, "a", limits))
	server.Hang(t)
	for range 3 {
		_, err := lw.RateLimit(ctx, "a", limits)
		wantError(t, err, ErrUnavailable, "TIMEOUT")
	}
	began := time.Now()
	for range 20 {
		_, err := lw.RateLimit(ctx, "a", limits)
		wantError(t, err, ErrUnavailable, "BYPASSED")
		_, err = lw.AuditLog(ctx, AuditQuery{})
		wantError(t, err, ErrUnavailable, "BYPASSED")
	}
	if took := time.Since(began); took > 200*time.Millisecond {
		t.Fatalf("40 bypassed calls took %v", took)
	}
	server.Continue(t)
	testserver.Eventually(t, "an answer", backWithin, func() bool {
		_, err := lw.RateLimit(ctx, "a", limits)
		return err == nil
	})
}

func TestACallerThatDoesNotWaitSaysNothingAboutRedis(t *testing.T) {
	server := testserver.Start(t)
	lw := openClient(t, server.URL())
	limits := MustParseLimits("1000/hour")
	server.Hang(t)
	for range 5 {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		_, err := lw.RateLimit(ctx, "a", limits)
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) || codeOf(err) != "TIMEOUT" {
			t.Fatalf("the error is %v", err)
		}
	}
	server.Continue(t)
	ok[*RateLimitResult](t)(lw.RateLimit(t.Context(), "a", limits))
}

func TestSlowCommandsHaveALongerTimeoutAndDoNotOpenTheBreaker(t *testing.T) {
	server := testserver.Start(t)
	lw := defaultClient(t, server.URL())
	ok[[]AuditEvent](t)(lw.AuditLog(t.Context(), AuditQuery{}))
	if err := server.Admin(t).ClientPause(t.Context(), 600*time.Millisecond).Err(); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	ok[[]AuditEvent](t)(lw.AuditLog(t.Context(), AuditQuery{}))
	if took := time.Since(began); took < 300*time.Millisecond {
		t.Fatalf("the server was not paused: %v", took)
	}
}

func TestALateReplyIsNotTakenForThatOfTheNextCommand(t *testing.T) {
	server := testserver.Start(t)
	lw := defaultClient(t, server.URL())
	ctx := t.Context()
	ok[*RateLimitResult](t)(lw.Peek(ctx, "late", MustParseLimits("1/minute"), 1))
	server.Hang(t)
	_, err := lw.Peek(ctx, "late", MustParseLimits("1/minute"), 1)
	wantError(t, err, ErrUnavailable, "TIMEOUT")
	server.Continue(t)
	if found := ok[*RateLimitResult](t)(lw.Peek(ctx, "late", MustParseLimits("2/minute"), 1)); found.Limit != 2 {
		t.Fatalf("the reply is that of the command before: %+v", found)
	}
}

func TestLimitsAreExactUnderFiftyConnections(t *testing.T) {
	lw := openClient(t, testserver.Start(t).URL())
	limits := MustParseLimits("137/hour")
	var admitted atomic.Int64
	together(50, func() {
		for range 10 {
			if result, err := lw.RateLimit(context.Background(), "exact", limits); err == nil && result.Allowed {
				admitted.Add(1)
			}
		}
	})
	if admitted.Load() != 137 {
		t.Fatalf("%d calls were admitted", admitted.Load())
	}
}

func TestSeveralCommandsFailTogetherWithoutAConnection(t *testing.T) {
	lw := ok[*Client](t)(Open("redis://127.0.0.1:1", Options{}))
	defer func() { _ = lw.Close() }()
	commands := []command{newCommand("LW.PEEK", "a", "1", "60"), newCommand("LW.PEEK", "b", "1", "60")}
	_, err := lw.pipeline(t.Context(), commands)
	wantError(t, err, ErrUnavailable, "CONNECTION")
	server := testserver.Start(t, "--requirepass", "secret")
	wrong := ok[*Client](t)(Open("redis://:wrong@"+server.Address(), Options{}))
	defer func() { _ = wrong.Close() }()
	for _, found := range ok[[]reply](t)(wrong.pipeline(t.Context(), commands)) {
		wantError(t, found.err, ErrUnavailable, "WRONGPASS")
		if strings.Contains(found.err.Error(), "wrong@") {
			t.Fatalf("the error has the password: %v", found.err)
		}
	}
}
