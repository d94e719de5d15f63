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

	"github.com/redis/go-redis/v9"

	"lockwatch/internal/testserver"
)

const (
	// longestCall is the two default timeouts, and what a busy machine adds.
	longestCall = 300*time.Millisecond + 500*time.Millisecond
	backWithin  = 2 * time.Second
)

// load calls a limit from 50 goroutines until the end of the test, and keeps the longest call and what
// the calls answered since the last look.
type load struct {
	longest  atomic.Int64
	mu       sync.Mutex
	answered map[string]int
}

func startLoad(t *testing.T, lw *Client) *load {
	t.Helper()
	l := &load{answered: map[string]int{}}
	ctx, limits := t.Context(), MustParseLimits("1000000/hour")
	var all sync.WaitGroup
	for number := range 50 {
		all.Go(func() {
			key := fmt.Sprintf("load:%d", number)
			for ctx.Err() == nil {
				began := time.Now()
				_, err := lw.RateLimit(context.Background(), key, limits)
				l.count(time.Since(began), err)
				time.Sleep(2 * time.Millisecond)
			}
		})
	}
	t.Cleanup(all.Wait)
	return l
}

func (l *load) count(took time.Duration, err error) {
	for {
		longest := l.longest.Load()
		if int64(took) <= longest || l.longest.CompareAndSwap(longest, int64(took)) {
			break
		}
	}
	code := ""
	if err != nil {
		code = codeOf(err)
	}
	l.mu.Lock()
	l.answered[code]++
	l.mu.Unlock()
}

// look returns what the calls answered since the last look; the empty text stands for success.
func (l *load) look() map[string]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	found := l.answered
	l.answered = map[string]int{}
	return found
}

func (l *load) mustFail(t *testing.T, codes ...string) {
	t.Helper()
	testserver.Eventually(t, "a failure with "+strings.Join(codes, " or "), 5*time.Second, func() bool {
		found := l.look()
		for _, code := range codes {
			if found[code] > 0 {
				return true
			}
		}
		return false
	})
}

// mustRecover waits until every call succeeds again, and looks at the time that calls took.
func (l *load) mustRecover(t *testing.T) {
	t.Helper()
	began := time.Now()
	testserver.Eventually(t, "limits that are back", backWithin, func() bool {
		time.Sleep(50 * time.Millisecond)
		found := l.look()
		return found[""] > 0 && len(found) == 1
	})
	longest := time.Duration(l.longest.Load())
	t.Logf("back after %v, the longest call took %v", time.Since(began).Round(time.Millisecond), longest)
	if longest > longestCall {
		t.Fatalf("a call took %v", longest)
	}
}

// defaultClient makes a client with the timeouts that users have, which is closed with the test.
func defaultClient(t *testing.T, url string) *Client {
	t.Helper()
	client := ok[*Client](t)(Open(url, Options{}))
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func TestAServerThatIsKilledUnderLoad(t *testing.T) {
	server := testserver.Start(t)
	lw := defaultClient(t, server.URL())
	l := startLoad(t, lw)
	l.mustRecover(t)
	server.Kill()
	l.mustFail(t, "CONNECTION")
	time.Sleep(300 * time.Millisecond)
	server.Run(t)
	l.mustRecover(t)
}

func TestAServerThatHangsUnderLoad(t *testing.T) {
	server := testserver.Start(t)
	lw := defaultClient(t, server.URL())
	l := startLoad(t, lw)
	l.mustRecover(t)
	server.Hang(t)
	l.mustFail(t, "TIMEOUT")
	l.mustFail(t, "BYPASSED")
	server.Continue(t)
	l.mustRecover(t)
}

func TestAServerThatIsFullUnderLoad(t *testing.T) {
	server := testserver.Start(t)
	lw := defaultClient(t, server.URL())
	l := startLoad(t, lw)
	l.mustRecover(t)
	admin := server.Admin(t)
	if err := admin.ConfigSet(t.Context(), "maxmemory", "1mb").Err(); err != nil {
		t.Fatal(err)
	}
	l.mustFail(t, "OOM")
	if err := admin.ConfigSet(t.Context(), "maxmemory", "0").Err(); err != nil {
		t.Fatal(err)
	}
	l.mustRecover(t)
}

func TestAPrimaryThatBecomesAReplicaUnderLoad(t *testing.T) {
	old, replacement := testserver.Start(t), testserver.Start(t)
	proxy := testserver.StartProxy(t, old)
	lw := defaultClient(t, proxy.URL())
	l := startLoad(t, lw)
	l.mustRecover(t)
	proxy.Lead(replacement)
	if err := old.Admin(t).ReplicaOf(t.Context(), "127.0.0.1", fmt.Sprint(replacement.Port)).Err(); err != nil {
		t.Fatal(err)
	}
	l.mustFail(t, "READONLY", "LOADING", "MASTERDOWN")
	l.mustRecover(t)
}

func TestAFailoverBySentinelUnderLoad(t *testing.T) {
	sentinel := testserver.StartSentinel(t)
	options := &redis.UniversalOptions{Addrs: []string{sentinel.Address()}, MasterName: testserver.MasterName}
	lw := ok[*Client](t)(OpenUniversal(options, Options{}))
	defer func() { _ = lw.Close() }()
	l := startLoad(t, lw)
	l.mustRecover(t)
	sentinel.FailOver(t)
	l.mustRecover(t)
	before := sentinel.Replica.Admin(t).Info(t.Context(), "commandstats").Val()
	if !strings.Contains(before, "cmdstat_LW.RATELIMIT") && !strings.Contains(before, "cmdstat_lw.ratelimit") {
		t.Fatalf("the new primary has not been asked: %s", before)
	}
}

func TestAPrimaryThatIsKilledBehindSentinel(t *testing.T) {
	sentinel := testserver.StartSentinel(t)
	finder := redis.NewFailoverClient(&redis.FailoverOptions{
		MasterName: testserver.MasterName, SentinelAddrs: []string{sentinel.Address()},
	})
	defer func() { _ = finder.Close() }()
	lw := ok[*Client](t)(New(finder, Options{}))
	defer func() { _ = lw.Close() }()
	l := startLoad(t, lw)
	l.mustRecover(t)
	sentinel.Primary.Kill()
	l.mustFail(t, "CONNECTION", "TIMEOUT")
	replica := sentinel.Replica.Admin(t)
	testserver.Eventually(t, "a promoted replica", 20*time.Second, func() bool {
		return strings.Contains(replica.Info(t.Context(), "replication").Val(), "role:master")
	})
	l.mustRecover(t)
}

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
