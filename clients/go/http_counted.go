package lockwatch

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// countedLimits has the limits that counted a request, so that two of them never count it under one
// key.
type countedLimits struct {
	mu       sync.Mutex
	keys     []string
	entered  []entry
	named    []namedLimits
	outcomes []*outcomeAt
	exempt   bool
	// Room for what a request usually has.
	firstKeys    [3]string
	firstEntered [1]entry
}

// entry is a middleware that a request has reached, under a policy.
type entry struct {
	owner  any
	policy string
}

// limitName is the name of a limit, and its key without a client.
type limitName struct{ name, id string }

// namedLimits are the limits of one name, in the order in which the request reached them.
type namedLimits struct {
	id     string
	owners []any
}

// outcomeAt is the outcome of a route limit at a key.
type outcomeAt struct {
	key      string
	once     sync.Once
	decision decision
}

type countedKey struct{}

// countedOf returns the record of a request; a new one is added to the context.
func countedOf(ctx context.Context) (context.Context, *countedLimits) {
	if state := StateOf(ctx); state != nil {
		return ctx, state.counted
	}
	if known, ok := ctx.Value(countedKey{}).(*countedLimits); ok {
		return ctx, known
	}
	made := new(countedLimits)
	return context.WithValue(ctx, countedKey{}, made), made
}

// exemptFrom returns the request of an exempt client, to which no limit of a route applies either.
func exemptFrom(r *http.Request) *http.Request {
	ctx, counted := countedOf(r.Context())
	counted.mu.Lock()
	defer counted.mu.Unlock()
	counted.exempt = true
	return r.WithContext(ctx)
}

func (c *countedLimits) isExempt() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.exempt
}

// enters reports whether a middleware decides about the request under this policy for the first
// time.
func (c *countedLimits) enters(owner any, policy string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	found := entry{owner, policy}
	if slices.Contains(c.entered, found) {
		return false
	}
	if c.entered == nil {
		c.entered = c.firstEntered[:0]
	}
	c.entered = append(c.entered, found)
	return true
}

// claim returns false if the request was counted under the key already.
func (c *countedLimits) claim(key string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if slices.Contains(c.keys, key) {
		return false
	}
	if c.keys == nil {
		c.keys = c.firstKeys[:0]
	}
	c.keys = append(c.keys, key)
	return true
}

// claimLimit is claim for a limit of a middleware, whose key no other middleware may count.
func (c *countedLimits) claimLimit(key string) error {
	if c.claim(key) {
		return nil
	}
	policy := key[strings.LastIndex(key, "}:")+2:]
	return configurationError("two middlewares would count one request under the same key of the policy '%s': "+
		"give the client of the inner one a Service, or the inner one a KeyPrefix of its own", policy)
}

// nameOf returns the name of a limit in its key, and in headers. The second limit of a derived name
// gets the number 2, whatever the clients of the two are and whether the first one applied. A given
// name is the application's to change.
func (c *countedLimits) nameOf(limit *limitName, owner any, isGiven bool) (inKey, inHeaders string, err error) {
	name := limit.name
	place := c.placeOf(limit.id, owner)
	if place == 0 {
		return name, name, nil
	}
	if isGiven {
		return "", "", configurationError("two limits on one request are called '%s', and could share a counter: "+
			"give one another name, RouteLimitOptions{Name: \"%s-2\"}, or leave the name out", name, name)
	}
	number := strconv.Itoa(place + 1)
	return name + ":" + number, name + "-" + number, nil
}

func (c *countedLimits) placeOf(id string, owner any) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	at := slices.IndexFunc(c.named, func(each namedLimits) bool { return each.id == id })
	if at < 0 {
		c.named = append(c.named, namedLimits{id: id, owners: []any{owner}})
		return 0
	}
	limits := &c.named[at]
	if place := slices.Index(limits.owners, owner); place >= 0 {
		return place
	}
	limits.owners = append(limits.owners, owner)
	return len(limits.owners) - 1
}

// once calls decide unless the request was counted under the key. It returns the outcome, and
// whether it is that of an earlier call.
func (c *countedLimits) once(key string, decide func() decision) (outcome decision, isEarlier bool) {
	c.mu.Lock()
	at := slices.IndexFunc(c.outcomes, func(each *outcomeAt) bool { return each.key == key })
	if at < 0 {
		at = len(c.outcomes)
		c.outcomes = append(c.outcomes, &outcomeAt{key: key})
	}
	found := c.outcomes[at]
	c.mu.Unlock()
	isEarlier = true
	found.once.Do(func() { found.decision, isEarlier = decide(), false })
	return found.decision, isEarlier
}
