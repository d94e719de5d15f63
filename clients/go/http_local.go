package lockwatch

import (
	"maps"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

const (
	// maxLocalClients is the number of clients of a policy that are remembered. Further ones share
	// a counter.
	maxLocalClients = 10_000
	// maxLocalLimits is the number of limits at one key, which functions of the application choose.
	maxLocalLimits = 100
	// roomInterval is the least time between two searches for clients that are forgotten.
	roomInterval = time.Second
	// outageGap is the time without a failure after which an answer of Redis ends an outage.
	outageGap = 10 * time.Second
)

// localCounters are the limits of a client that are counted in this process while Redis is away. An
// answer of Redis for a key empties the counter of this key and no other, because Redis may refuse
// some keys only, for example those that it has no memory for.
type localCounters struct {
	used atomic.Bool

	mu       sync.Mutex
	failed   time.Time
	policies map[string]*localPolicy
}

// localPolicy has the counters of a policy by their keys.
type localPolicy struct {
	counters map[string]localCounter
	// searched is when clients were last searched for that are forgotten.
	searched time.Time
}

// localCounter has a token bucket for each limit of a key. It holds the share of the limit, and
// fills up in its window. Limits that differ from call to call are counted beside each other.
type localCounter map[Limit]*rate.Limiter

// localLimits are the limits of a mode.
type localLimits struct {
	share float64
	// instead replace the limits of a call, unless they are zero.
	instead Limits
}

// limitsFor returns the limits to count by, in place of those of a call; false if only the server
// knows them.
func (l *localLimits) limitsFor(limits Limits) (Limits, bool) {
	if !l.instead.IsZero() {
		return l.instead, true
	}
	return limits, limits.Policy() == "" && !limits.IsZero()
}

// shareOf is a share of each limit: rounded down, but at least one unit. A limit of 0 stays 0.
func (l *localLimits) shareOf(limits []Limit) []Limit {
	shared := make([]Limit, len(limits))
	for i, each := range limits {
		units := int64(math.Floor(float64(each.Limit) * l.share))
		shared[i] = Limit{max(units, min(each.Limit, 1)), each.Window}
	}
	return shared
}

// admit counts a call under a key of Redis if each limit has room for it. A cost above the share
// takes all of the share; one above the limit is denied for ever, as by Redis.
func (c *localCounters) admit(key string, limits Limits, of *localLimits, cost int64, now time.Time) *RateLimitResult {
	shared := of.shareOf(limits.list)
	result := &RateLimitResult{Allowed: true, Limit: shared[0].Limit, Limits: Limits{list: shared, args: limits.args}}
	for i, each := range limits.list {
		if cost > each.Limit {
			result.Allowed, result.Limit, result.RetryAfter = false, shared[i].Limit, Never
			return result
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.used.Store(true)
	c.failed = now
	counter := c.counter(key, now)
	taken := make([]*rate.Reservation, len(shared))
	for i, each := range shared {
		taken[i] = counter.bucket(each).ReserveN(now, clampInt(min(cost, each.Limit)))
		if wait := taken[i].DelayFrom(now); wait > result.RetryAfter {
			result.Allowed, result.Limit, result.RetryAfter = false, each.Limit, wait
		}
	}
	if !result.Allowed {
		for _, each := range taken {
			each.CancelAt(now)
		}
	}
	return result
}

func (c *localCounters) counter(key string, now time.Time) localCounter {
	name := policyOfKey(key)
	if c.policies == nil {
		c.policies = map[string]*localPolicy{}
	}
	policy := c.policies[name]
	if policy == nil {
		policy = &localPolicy{counters: map[string]localCounter{}}
		c.policies[name] = policy
	}
	if policy.counters[key] == nil && !policy.hasRoom(now) {
		key = name
	}
	if policy.counters[key] == nil {
		policy.counters[key] = localCounter{}
	}
	return policy.counters[key]
}

// hasRoom reports whether one more client can be remembered. It forgets those that have used
// nothing lately.
func (p *localPolicy) hasRoom(now time.Time) bool {
	if len(p.counters) >= maxLocalClients && now.Sub(p.searched) >= roomInterval {
		p.searched = now
		maps.DeleteFunc(p.counters, func(_ string, counter localCounter) bool { return counter.isFull(now) })
	}
	return len(p.counters) < maxLocalClients
}

func (c localCounter) bucket(limit Limit) *rate.Limiter {
	if c[limit] == nil {
		if len(c) >= maxLocalLimits {
			clear(c)
		}
		perSecond := rate.Limit(float64(limit.Limit) / limit.Window.Seconds())
		c[limit] = rate.NewLimiter(perSecond, clampInt(limit.Limit))
	}
	return c[limit]
}

// isFull reports whether the whole of each limit is left, as at the start.
func (c localCounter) isFull(now time.Time) bool {
	for _, bucket := range c {
		if bucket.TokensAt(now) < float64(bucket.Burst()) {
			return false
		}
	}
	return true
}

// policyOfKey is a key without its client.
func policyOfKey(key string) string {
	return key[:strings.IndexByte(key, '{')] + key[strings.LastIndexByte(key, '}')+1:]
}

// answered says that Redis has decided about a key. The usual path is one look.
func (c *localCounters) answered(key string) {
	if !c.used.Load() {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.failed) > outageGap {
		c.policies = nil
		c.used.Store(false)
		return
	}
	if policy := c.policies[policyOfKey(key)]; policy != nil {
		delete(policy.counters, key)
	}
}

// clampInt is for 32-bit systems, where an int is smaller than the largest limit.
func clampInt(n int64) int { return int(min(n, math.MaxInt)) }
