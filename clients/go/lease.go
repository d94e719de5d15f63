package lockwatch

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"strconv"
	"time"
)

// LeaseArgs are what Acquire and Lease may be told besides limit and ttl.
type LeaseArgs struct {
	// ID is 1 to 64 bytes, new for each lease. 128 random bits unless given. The same ID again is
	// the same lease, so a call that had no answer may be repeated with it. Lease ignores it.
	ID string
	// Cost is the units that the lease takes. 1 unless given.
	Cost int64
	// OnClose ends the lease when its connection closes, and so when the process ends. Lease has a
	// connection of its own for it. That of Acquire is shared, and may be closed earlier.
	OnClose bool
}

// LeaseResult is what Acquire found.
type LeaseResult struct {
	Acquired bool
	// Repeated says that a lease with this id was held already, and lasts at least its ttl from now
	// on.
	Repeated bool
	// ID is what Renew and Release need. Empty if denied.
	ID string
	// InUse is the units of all leases, this one included.
	InUse int64
	// RetryAfter is 0 if acquired; otherwise an upper bound, or Never if the cost is above the
	// limit.
	RetryAfter time.Duration
	// Fence is a number that grows with each new lease of the key. 0 if denied.
	Fence int64
}

// Acquire takes a lease at a key for ttl, if the units of all leases stay within limit
// (LW.ACQUIRE). Release ends it. Lease does both around a function.
func (c *Client) Acquire(
	ctx context.Context, key string, limit int64, ttl time.Duration, args LeaseArgs,
) (*LeaseResult, error) {
	if err := checkDuration("the ttl", ttl); err != nil {
		return nil, err
	}
	if args.ID == "" {
		args.ID = newLeaseID()
	}
	value, err := c.execute(ctx, acquireCommand(key, limit, ttl, args))
	if err != nil {
		return nil, err
	}
	return readLease(value, args.ID)
}

func newLeaseID() string {
	random := make([]byte, 16)
	_, _ = rand.Read(random) // It never fails.
	return hex.EncodeToString(random)
}

func acquireCommand(key string, limit int64, ttl time.Duration, args LeaseArgs) command {
	cmd := newCommand("LW.ACQUIRE", key, strconv.FormatInt(limit, 10), durationArgument(ttl), "ID", args.ID)
	if cost := costOf(args.Cost); cost != 1 {
		cmd = cmd.with("COST", strconv.FormatInt(cost, 10))
	}
	return cmd.flag("ONCLOSE", args.OnClose)
}

func readLease(value any, id string) (*LeaseResult, error) {
	found := tupleOf(value, "acquired", "id", "in_use", "retry_after", "fence")
	code := found.integer("acquired")
	result := &LeaseResult{
		Acquired:   code > 0,
		Repeated:   code == 2,
		InUse:      found.integer("in_use"),
		RetryAfter: found.duration("retry_after"),
		Fence:      found.integer("fence"),
	}
	if result.Acquired {
		result.ID = id
	}
	return result, found.err()
}

// Renew has a lease last at least ttl from now on (LW.RENEW). False if it has ended.
func (c *Client) Renew(ctx context.Context, key, id string, ttl time.Duration) (bool, error) {
	if err := checkDuration("the ttl", ttl); err != nil {
		return false, err
	}
	return readBool(c.execute(ctx, renewCommand(key, id, ttl)))
}

func renewCommand(key, id string, ttl time.Duration) command {
	return newCommand("LW.RENEW", key, id, durationArgument(ttl))
}

// Release ends a lease (LW.RELEASE). False if it has ended already.
func (c *Client) Release(ctx context.Context, key, id string) (bool, error) {
	return readBool(c.execute(ctx, releaseCommand(key, id)))
}

func releaseCommand(key, id string) command { return newCommand("LW.RELEASE", key, id) }
