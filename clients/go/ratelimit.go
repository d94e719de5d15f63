package lockwatch

import (
	"context"
	"net/http"
	"strconv"
	"time"
)

// Free is a cost of nothing, where 0 means the usual cost of 1. Peek and MRateLimit accept it: it
// asks whether anything is left.
const Free int64 = -1

// RateLimitArgs are what RateLimitArgs may be told besides the limits.
type RateLimitArgs struct {
	// Cost is the units that the call takes. 1 unless given.
	Cost int64
	// Force records the units even if the call is denied, for calls that have happened already.
	Force bool
	// WithTime has the result say when the units were recorded, which Refund and Settle need.
	WithTime bool
}

// RateLimitResult is what a limit decided.
type RateLimitResult struct {
	// Allowed says that the call was admitted.
	Allowed bool
	// Limit, Remaining and ResetAfter are those of the window that binds. It is empty after
	// ResetAfter.
	Limit, Remaining int64
	ResetAfter       time.Duration
	// RetryAfter is 0 if the call was admitted, and otherwise the time until the same call would
	// be, if nothing else is counted. It is Never for a call that costs more than a limit.
	RetryAfter time.Duration
	// Time is when the units were recorded, for Refund and Settle. The zero time if none were, or
	// without WithTime.
	Time time.Time
	// Limits are those that the call asked for.
	Limits Limits
}

// RetryAfterSeconds returns whole seconds, at least one; false if the call was admitted, or if
// waiting does not help.
func (r *RateLimitResult) RetryAfterSeconds() (int64, bool) {
	if r.Allowed {
		return 0, false
	}
	return retrySeconds(r.RetryAfter)
}

// RateLimit admits and counts a call at a key (LW.RATELIMIT).
func (c *Client) RateLimit(ctx context.Context, key string, limits Limits) (*RateLimitResult, error) {
	return c.RateLimitArgs(ctx, key, limits, RateLimitArgs{})
}

// RateLimitArgs is RateLimit with a cost and options.
func (c *Client) RateLimitArgs(
	ctx context.Context, key string, limits Limits, args RateLimitArgs,
) (*RateLimitResult, error) {
	return c.rateLimit(ctx, "LW.RATELIMIT", key, limits, args)
}

// Peek answers what RateLimit would, without counting the call (LW.PEEK). The cost is 1 for 0; with
// Free it answers the present state.
func (c *Client) Peek(ctx context.Context, key string, limits Limits, cost int64) (*RateLimitResult, error) {
	return c.rateLimit(ctx, "LW.PEEK", key, limits, RateLimitArgs{Cost: cost})
}

func (c *Client) rateLimit(
	ctx context.Context, name, key string, limits Limits, args RateLimitArgs,
) (*RateLimitResult, error) {
	if err := limits.check(); err != nil {
		return nil, err
	}
	value, err := c.execute(ctx, rateLimitCommand(name, key, limits, args))
	if err != nil {
		return nil, err
	}
	return readRateLimit(value, limits, args.WithTime)
}

// rateLimitCommand is LW.RATELIMIT or LW.PEEK.
func rateLimitCommand(name, key string, limits Limits, args RateLimitArgs) command {
	words := make([]any, 0, 6+len(limits.args))
	words = append(append(words, name, key), limits.args...)
	if cost := costOf(args.Cost); cost != 1 {
		words = append(words, "COST", strconv.FormatInt(cost, 10))
	}
	made := command{args: words, key: key}
	return made.flag("FORCE", args.Force).flag("WITHTIME", args.WithTime)
}

func costOf(cost int64) int64 {
	switch cost {
	case 0:
		return 1
	case Free:
		return 0
	default:
		return cost
	}
}

// readRateLimit reads the five integers of a limit, and the time of the units as a sixth.
func readRateLimit(value any, limits Limits, withTime bool) (*RateLimitResult, error) {
	count := 5
	if withTime {
		count = 6
	}
	numbers, ok := integersIn(value, count)
	if !ok {
		return nil, strangeReply()
	}
	result := &RateLimitResult{
		Allowed:    numbers[0] == 0,
		Limit:      numbers[1],
		Remaining:  numbers[2],
		RetryAfter: durationOf(numbers[3]),
		ResetAfter: durationOf(numbers[4]),
		Limits:     limits,
	}
	if withTime {
		result.Time = timeOf(numbers[5])
	}
	return result, nil
}

// Refund gives units back that were recorded at a time, which is that of the result (LW.REFUND). It
// returns how many. It is never sent twice, since a second refund would give back more.
func (c *Client) Refund(ctx context.Context, key string, units int64, at time.Time) (int64, error) {
	return readInteger(c.execute(ctx, refundCommand(key, units, at)))
}

func refundCommand(key string, units int64, at time.Time) command {
	return newCommand("LW.REFUND", key, strconv.FormatInt(units, 10), "AT", strconv.FormatInt(at.UnixMilli(), 10))
}

// Settlement is what Settle changed.
type Settlement struct {
	// Refunded is the units that were given back.
	Refunded int64
	// Recorded is the units that were recorded in addition, at Time.
	Recorded int64
	Time     time.Time
}

// Settle corrects a reservation, which was recorded at a time, to what was really used (LW.SETTLE).
// What was reserved too much is given back. What was used beyond is recorded, whatever the limit
// says. It is never sent twice.
func (c *Client) Settle(ctx context.Context, key string, reserved, actual int64, at time.Time) (*Settlement, error) {
	value, err := c.execute(ctx, settleCommand(key, reserved, actual, at))
	if err != nil {
		return nil, err
	}
	numbers, ok := integersIn(value, 3)
	if !ok {
		return nil, strangeReply()
	}
	return &Settlement{numbers[0], numbers[1], timeOf(numbers[2])}, nil
}

func settleCommand(key string, reserved, actual int64, at time.Time) command {
	return newCommand("LW.SETTLE", key, strconv.FormatInt(reserved, 10), strconv.FormatInt(actual, 10),
		"AT", strconv.FormatInt(at.UnixMilli(), 10))
}

// Header returns the headers of a limit under the name of a policy: X-RateLimit-*, RateLimit and
// RateLimit-Policy as in draft 11 of the IETF, and Retry-After after a denial.
func (r *RateLimitResult) Header(policy string) http.Header {
	header := http.Header{}
	setHeaders(header, headerFormats{legacy: true, draft11: true}.headersOf(r, policy, announced{}))
	if retry, waits := retryHeader(r); waits {
		header.Set(retry.name, retry.value)
	}
	return header
}
