package lockwatch

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
)

// Outcome is what became of a request that a limit was to decide.
type Outcome string

// The outcomes. Each request has exactly one for each limit that was to decide it.
const (
	// Allowed: Redis admitted the request.
	Allowed Outcome = "allowed"
	// Denied: Redis denied it. Under the policy "guard": a guard denied or challenged it.
	Denied Outcome = "denied"
	// Shadow: it would have been denied, and shadow mode let it through.
	Shadow Outcome = "shadow"
	// FailedOpen: Redis was asked and failed, and the request was let through.
	FailedOpen Outcome = "failed_open"
	// FailedClosed: Redis failed, and the request was answered 503.
	FailedClosed Outcome = "failed_closed"
	// Bypassed: the breaker is open, so Redis was not asked, and the request was let through.
	Bypassed Outcome = "bypassed"
	// Local: the in-process limiter admitted the request.
	Local Outcome = "local"
	// LocalDenied: the in-process limiter denied it.
	LocalDenied Outcome = "local_denied"
	// AuditDropped is the outcome of an event that says that an audit event was lost. It is not
	// counted by policy.
	AuditDropped Outcome = "audit_dropped"
)

// Event says what became of one request under one limit. It has no key, user or address.
type Event struct {
	Outcome Outcome
	// Policy is its name as in the RateLimit header, without the window; "guard" for a guard. Empty
	// for a dropped audit event.
	Policy string
	// Route is the pattern or template of the route, and never the raw path. Empty if there is
	// none.
	Route string
	// Reason is why Redis did not answer: "timeout", "connection", "bypassed", "module_missing" or
	// the code of its error in lower case. Empty if it did.
	Reason string
}

// Stats is a snapshot of what a client has counted.
type Stats struct {
	// Requests has the number of requests by the name of the policy, then by outcome.
	Requests map[string]map[Outcome]int64
	// AuditDropped is the number of audit events that were lost.
	AuditDropped int64
	// LimitsOff says that limits are not enforced at present, because Redis does not answer.
	LimitsOff bool
}

// Policies beyond this number, whose names are made at run time, are counted as "other".
const maxPolicies = 1000

const otherPolicies = "other"

var outcomes = []Outcome{Allowed, Denied, Shadow, FailedOpen, FailedClosed, Bypassed, Local, LocalDenied}

// outcomeIndex has the place of each outcome in outcomeCounts.
var outcomeIndex = func() map[Outcome]int {
	index := map[Outcome]int{}
	for at, outcome := range outcomes {
		index[outcome] = at
	}
	return index
}()

type outcomeCounts [8]atomic.Int64

type counters struct {
	mu           sync.RWMutex
	policies     map[string]*outcomeCounts
	auditDropped atomic.Int64
	limitsOff    atomic.Bool
}

func newCounters() *counters { return &counters{policies: map[string]*outcomeCounts{}} }

func (c *counters) of(policy string) *outcomeCounts {
	c.mu.RLock()
	known := c.policies[policy]
	c.mu.RUnlock()
	if known != nil {
		return known
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if known = c.policies[policy]; known != nil {
		return known
	}
	if len(c.policies) >= maxPolicies {
		policy = otherPolicies
		if known = c.policies[policy]; known != nil {
			return known
		}
	}
	known = new(outcomeCounts)
	c.policies[policy] = known
	return known
}

// Stats returns what the middlewares, route limits and stores that were made with this client have
// counted since it was made.
func (c *Client) Stats() Stats {
	c.counters.mu.RLock()
	policies := maps.Clone(c.counters.policies)
	c.counters.mu.RUnlock()
	stats := Stats{
		Requests:     make(map[string]map[Outcome]int64, len(policies)),
		AuditDropped: c.counters.auditDropped.Load(),
		LimitsOff:    c.counters.limitsOff.Load(),
	}
	for policy, counts := range policies {
		found := map[Outcome]int64{}
		for at, outcome := range outcomes {
			if n := counts[at].Load(); n > 0 {
				found[outcome] = n
			}
		}
		stats.Requests[policy] = found
	}
	return stats
}

// decided counts an outcome, and calls OnEvent.
func (c *Client) decided(ctx context.Context, event Event) {
	if at, known := outcomeIndex[event.Outcome]; known {
		c.counters.of(event.Policy)[at].Add(1)
	}
	switch event.Outcome {
	case FailedOpen, Bypassed:
		c.counters.limitsOff.Store(true)
	case Allowed, Denied, Shadow:
		// An answer of Redis. A guard says nothing about limits.
		if event.Policy != guardPolicy && c.counters.limitsOff.Load() {
			c.counters.limitsOff.Store(false)
		}
	default:
	}
	c.notify(ctx, event)
}

// guardPolicy is the policy under which denials of guards are counted.
const guardPolicy = "guard"

// auditLost counts audit events that were lost.
func (c *Client) auditLost(count int) {
	c.counters.auditDropped.Add(int64(count))
	for range count {
		c.notify(context.Background(), Event{Outcome: AuditDropped})
	}
}

func (c *Client) notify(ctx context.Context, event Event) {
	if c.options.OnEvent == nil {
		return
	}
	defer func() {
		if problem := recover(); problem != nil {
			c.failures.log("OnEvent", fmt.Sprintf("OnEvent panicked: %v", problem))
		}
	}()
	c.options.OnEvent(ctx, event)
}
