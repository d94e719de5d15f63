package lockwatch

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Lease is a lease that its caller holds. Its methods are safe for several goroutines.
type Lease struct {
	client     *Client
	key        string
	ttl        time.Duration
	connection connection
	// own says that the connection is the lease's.
	own    bool
	result *LeaseResult

	mu       sync.Mutex
	until    time.Time
	isOver   bool
	released bool
}

// Lease takes a lease. Call its Release when the work is done, usually with defer:
//
//	lease, err := lw.Lease(ctx, "report:42", 3, 30*time.Second, lockwatch.LeaseArgs{})
//	if err != nil { … } // errors.Is(err, lockwatch.ErrLeaseDenied): all units are held
//	defer lease.Release()
//
// It lasts for ttl and no longer, so work that may take longer calls Renew meanwhile. With OnClose
// the lease has a connection of its own, and ends at once if the process ends.
func (c *Client) Lease(
	ctx context.Context, key string, limit int64, ttl time.Duration, args LeaseArgs,
) (*Lease, error) {
	if err := checkDuration("the ttl", ttl); err != nil {
		return nil, err
	}
	args.ID = newLeaseID()
	l := &Lease{client: c, key: key, ttl: ttl, connection: c.link}
	if args.OnClose {
		settings := c.options.timeouts()
		settings.lasting = true
		l.own = true
		l.connection = &link{c.source.connect(settings), c.link.breaker, c.server, false}
	}
	asked := time.Now()
	value, err := one(l.connection.send(ctx, []command{acquireCommand(key, limit, ttl, args)}))
	if err == nil {
		l.result, err = readLease(value, args.ID)
	}
	if err == nil && !l.result.Acquired {
		err = &DeniedError{RetryAfter: l.result.RetryAfter, kind: ErrLeaseDenied,
			message: fmt.Sprintf("the leases of '%s' leave no room for another one", key)}
	}
	if err != nil {
		l.abandon(err, args.ID)
		return nil, err
	}
	l.begin(ttl, asked)
	return l, nil
}

// abandon ends a lease that the server may have granted although the caller got no answer.
func (l *Lease) abandon(err error, id string) {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		go func() {
			_, _ = l.connection.send(context.Background(), []command{releaseCommand(l.key, id)})
			l.closeOwn()
		}()
		return
	}
	l.closeOwn()
}

func (l *Lease) closeOwn() {
	if l.own {
		_ = l.connection.close()
	}
}

// begin counts from before the command was sent, so that the lease never ends earlier than assumed.
func (l *Lease) begin(ttl time.Duration, asked time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if until := asked.Add(ttl); until.After(l.until) {
		l.until = until
	}
}

// ID returns its id.
func (l *Lease) ID() string { return l.result.ID }

// Fence returns a number that grows with each new lease of the key. What the holder writes to may
// refuse a smaller one than it has seen.
func (l *Lease) Fence() int64 { return l.result.Fence }

// InUse returns the units of all leases when this one was taken.
func (l *Lease) InUse() int64 { return l.result.InUse }

// Lost says that the lease has ended, so that others may hold its units: by the answer to the last
// Renew, and by this machine's clock.
func (l *Lease) Lost() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.released || l.isOver || !time.Now().Before(l.until)
}

// Renew has the lease last at least for its ttl from now on. False if it has ended.
func (l *Lease) Renew(ctx context.Context) (bool, error) { return l.RenewFor(ctx, l.ttl) }

// RenewFor is Renew with another ttl.
func (l *Lease) RenewFor(ctx context.Context, ttl time.Duration) (bool, error) {
	if err := checkDuration("the ttl", ttl); err != nil {
		return false, err
	}
	asked := time.Now()
	held, err := readBool(one(l.connection.send(ctx, []command{renewCommand(l.key, l.result.ID, ttl)})))
	if err != nil {
		return false, err
	}
	if held {
		l.begin(ttl, asked)
		return true, nil
	}
	l.mu.Lock()
	l.isOver = true
	l.mu.Unlock()
	return false, nil
}

// Release ends the lease. A failure is logged, and the lease then lasts until its ttl has passed. A
// second call does nothing.
func (l *Lease) Release() {
	l.mu.Lock()
	done := l.released
	l.released = true
	l.mu.Unlock()
	if done {
		return
	}
	defer l.closeOwn()
	_, err := one(l.connection.send(context.Background(), []command{releaseCommand(l.key, l.result.ID)}))
	if err != nil {
		l.client.failures.log("lease: "+codeOf(err), "a lease is not released and lasts until its ttl has passed: "+
			l.client.failures.named(err))
	}
}

// WithLease runs a function while it holds a lease, and returns the error of the function, or that
// of the lease if it was not taken.
func (c *Client) WithLease(
	ctx context.Context, key string, limit int64, ttl time.Duration, args LeaseArgs, run func(context.Context, *Lease) error,
) error {
	lease, err := c.Lease(ctx, key, limit, ttl, args)
	if err != nil {
		return err
	}
	defer lease.Release()
	return run(ctx, lease)
}

// one is the reply of a call of one command.
func one(replies []reply, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return replies[0].value, replies[0].err
}
