package lockwatch

import (
	"context"
	"slices"
	"strconv"
	"time"
)

const (
	// maxTuples is the number of limits that one LW.MRATELIMIT accepts.
	maxTuples = 16
	multiHead = 4
	perTuple  = 3
)

// MultiEntry is a key of MRateLimit, its limits, and what the call costs it.
type MultiEntry struct {
	Key    string
	Limits Limits
	// Cost is 1 unless given. With Free the entry asks whether something is left, and counts
	// nothing.
	Cost int64
}

// MultiResult is what several keys decided in one step.
type MultiResult struct {
	// Allowed says that the call was admitted, and so by every entry.
	Allowed bool
	// Binding is the index of the entry that binds: the one with the longest wait of a denied call,
	// otherwise the fullest.
	Binding int
	// RetryAfter is 0 if the call was admitted; Never if it costs more than a limit.
	RetryAfter time.Duration
	// Time is when the units were recorded, for Refund and Settle. The zero time if none were.
	Time time.Time
	// Entries has the window that binds of each entry, in their order.
	Entries []MultiEntryResult
}

// MultiEntryResult is what was found for one entry: the window of it that binds.
type MultiEntryResult struct {
	Key              string
	Limit, Remaining int64
	ResetAfter       time.Duration
	Limits           Limits
}

// Result returns the entry that binds as the result of a single limit.
func (r *MultiResult) Result() *RateLimitResult {
	at := r.Entries[r.Binding]
	return &RateLimitResult{
		Allowed: r.Allowed, Limit: at.Limit, Remaining: at.Remaining, RetryAfter: r.RetryAfter,
		ResetAfter: at.ResetAfter, Limits: at.Limits, Time: r.Time,
	}
}

// MRateLimit admits a call if every key does, and counts it at all keys or at none (LW.MRATELIMIT).
// In a cluster all keys need the same hash tag: "{42}:requests", "{42}:tokens".
func (c *Client) MRateLimit(ctx context.Context, entries ...MultiEntry) (*MultiResult, error) {
	return c.multi(ctx, "LW.MRATELIMIT", entries)
}

// MPeek answers what MRateLimit would, without counting the call (LW.MPEEK).
func (c *Client) MPeek(ctx context.Context, entries ...MultiEntry) (*MultiResult, error) {
	return c.multi(ctx, "LW.MPEEK", entries)
}

func (c *Client) multi(ctx context.Context, name string, entries []MultiEntry) (*MultiResult, error) {
	cmd, owners, err := multiCommand(name, entries)
	if err != nil {
		return nil, err
	}
	value, err := c.execute(ctx, cmd)
	if err != nil {
		return nil, err
	}
	return readMulti(value, entries, owners)
}

// multiCommand also returns the entry of each tuple.
func multiCommand(name string, entries []MultiEntry) (command, []int, error) {
	args := []any{name}
	var owners []int
	for at, entry := range entries {
		if err := entry.Limits.check(); err != nil {
			return command{}, nil, err
		}
		cost := strconv.FormatInt(costOf(entry.Cost), 10)
		if entry.Limits.policy != "" {
			args = append(args, entry.Key, "@"+entry.Limits.policy, "-", cost)
			owners = append(owners, at)
			continue
		}
		for pair := range slices.Chunk(entry.Limits.args, 2) {
			args = append(args, entry.Key, pair[0], pair[1], cost)
			owners = append(owners, at)
		}
	}
	if len(owners) < 1 || len(owners) > maxTuples {
		return command{}, nil, configurationError("%s has %d limits of all entries together: one to %d go",
			name, len(owners), maxTuples)
	}
	return command{args: args, key: entries[0].Key}, owners, nil
}

func readMulti(value any, entries []MultiEntry, owners []int) (*MultiResult, error) {
	numbers, ok := integersIn(value, multiHead+perTuple*len(owners))
	if !ok || numbers[1] < 0 || numbers[1] >= int64(len(owners)) {
		return nil, strangeReply()
	}
	binding := int(numbers[1])
	found := slices.Collect(slices.Chunk(numbers[multiHead:], perTuple))
	result := &MultiResult{
		Allowed:    numbers[0] == 0,
		Binding:    owners[binding],
		RetryAfter: durationOf(numbers[2]),
		Time:       timeOf(numbers[3]),
		Entries:    make([]MultiEntryResult, len(entries)),
	}
	for at, entry := range entries {
		best := found[bindingOf(at, binding, owners, found)]
		result.Entries[at] = MultiEntryResult{entry.Key, best[0], best[1], durationOf(best[2]), entry.Limits}
	}
	return result, nil
}

// bindingOf is the tuple that binds the call if it is one of the entry; otherwise the fullest one
// of the entry, of equal ones that with the longest reset.
func bindingOf(entry, binding int, owners []int, found [][]int64) int {
	if owners[binding] == entry {
		return binding
	}
	best := -1
	for at, owner := range owners {
		if owner == entry && (best < 0 || isFuller(found[at], found[best])) {
			best = at
		}
	}
	return best
}

func isFuller(a, b []int64) bool {
	left, right := shareLeft(a), shareLeft(b)
	return left < right || (left == right && a[2] > b[2])
}

func shareLeft(tuple []int64) float64 {
	if tuple[0] == 0 {
		return 0
	}
	return float64(tuple[1]) / float64(tuple[0])
}
