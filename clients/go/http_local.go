package lockwatch

import (
	"math"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// maxLocalClients bounds the memory of a local limiter. Further clients share one counter.
const maxLocalClients = 10_000

// localLimiter decides in this process while Redis is away. It starts empty at each outage.
type localLimiter struct {
	share   float64
	instead Limits
	used    atomic.Bool

	mu      sync.Mutex
	clients map[string]*localClient
	// others are shared by clients beyond maxLocalClients, by the limits.
	others map[string]*localClient
}

// localClient has a limiter for each limit of a client.
type localClient struct {
	limits   Limits
	limiters []*rate.Limiter
}

func newLocalLimiter(share float64, instead Limits) *localLimiter {
	return &localLimiter{share: share, instead: instead}
}

// limitsFor returns the limits to apply in place of those of a call; false if they are not known
// here.
func (l *localLimiter) limitsFor(limits Limits) (Limits, bool) {
	if limits.Policy() == "" {
		return limits, true
	}
	return l.instead, !l.instead.IsZero()
}

// answered empties the limiter, because Redis decides again.
func (l *localLimiter) answered() {
	if l == nil || !l.used.Load() {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.clients, l.others = nil, nil
	l.used.Store(false)
}

// localCall is a limit that a request has to meet.
type localCall struct {
	key, name string
	limits    Limits
}

// localDenial is the call and the limit that bind, and the time until there is room; Never if there
// will not be.
type localDenial struct {
	call  *localCall
	limit Limit
	wait  time.Duration
}

// allow takes units from every limit, or from none. It returns nil if there is room.
func (l *localLimiter) allow(calls []localCall, cost int64, now time.Time) *localDenial {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.used.Store(true)
	var taken []*rate.Reservation
	var denied *localDenial
	for i := range calls {
		call := &calls[i]
		client := l.client(call)
		for at, limiter := range client.limiters {
			reservation := limiter.ReserveN(now, clampInt(cost))
			delay := Never
			if reservation.OK() {
				taken = append(taken, reservation)
				delay = reservation.DelayFrom(now)
			}
			if delay != 0 && (denied == nil || isLonger(delay, denied.wait)) {
				denied = &localDenial{call, client.limits.list[at], delay}
			}
		}
	}
	if denied != nil {
		for _, reservation := range taken {
			reservation.CancelAt(now)
		}
	}
	return denied
}

// isLonger compares waits, of which Never is the longest.
func isLonger(wait, than time.Duration) bool { return than != Never && (wait == Never || wait > than) }

func (l *localLimiter) client(call *localCall) *localClient {
	if l.clients == nil {
		l.clients, l.others = map[string]*localClient{}, map[string]*localClient{}
	}
	key, clients := call.key, l.clients
	known := clients[key]
	if known == nil && len(clients) >= maxLocalClients {
		key, clients = l.sharedKey(call.limits), l.others
		known = clients[key]
	}
	if known == nil || !sameLimits(known.limits, call.limits) {
		known = &localClient{limits: call.limits, limiters: l.limiters(call.limits)}
		clients[key] = known
	}
	return known
}

// sharedKey is the counter of clients that are not remembered. Limits of functions are texts without
// number, so a map of them is bounded, too.
func (l *localLimiter) sharedKey(limits Limits) string {
	var text string
	for _, each := range limits.args {
		if word, ok := each.(string); ok {
			text += word + " "
		}
	}
	if _, known := l.others[text]; !known && len(l.others) >= maxParsed {
		return ""
	}
	return text
}

func sameLimits(a, b Limits) bool {
	if len(a.list) != len(b.list) {
		return false
	}
	for i := range a.list {
		if a.list[i] != b.list[i] {
			return false
		}
	}
	return true
}

// limiters are token buckets that hold the share of a limit, and fill up in its window.
func (l *localLimiter) limiters(limits Limits) []*rate.Limiter {
	made := make([]*rate.Limiter, len(limits.list))
	for i, each := range limits.list {
		units := math.Floor(float64(each.Limit) * l.share)
		// A limit of 0 denies everything, also here.
		if units < 1 && each.Limit > 0 {
			units = 1
		}
		made[i] = rate.NewLimiter(rate.Limit(units/each.Window.Seconds()), clampInt(int64(units)))
	}
	return made
}

// clampInt is for 32-bit systems, where an int is smaller than the largest limit.
func clampInt(n int64) int { return int(min(n, math.MaxInt)) }
