package lockwatch

import (
	"context"
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

// load calls a limit from 50 goroutines until the end of the test, and keeps the longest call and
// what the calls answered since the last look.
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

// look counts the answers of the calls since the last look, by the error; an empty error means
// success.
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
