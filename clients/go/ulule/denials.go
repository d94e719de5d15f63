package lockwatchulule

import (
	"context"
	"sync"
	"time"

	"lockwatch"
)

const (
	// deniedPart follows the key of the counts in the key that says that a call was denied.
	deniedPart = ":denied"
	// maxRemembered bounds the keys that this process remembers.
	maxRemembered = 10_000
)

// denials says of which keys a call was denied within the window: one that is denied is not
// counted, and Peek has to tell a limit that is used up from one that was exceeded. It is a unit at
// a key of its own, which is sent once per key and window.
type denials struct {
	client *lockwatch.Client
	counts *lockwatch.Store

	mu    sync.Mutex
	known map[string]time.Time
}

func newDenials(client *lockwatch.Client, counts *lockwatch.Store) *denials {
	return &denials{client: client, counts: counts, known: map[string]time.Time{}}
}

func (d *denials) add(ctx context.Context, key string, window time.Duration) {
	if !d.isNew(key, window) {
		return
	}
	limits, err := lockwatch.NewLimits(lockwatch.Limit{Limit: 1, Window: window})
	if err != nil {
		return
	}
	if _, err := d.client.RateLimit(ctx, d.counts.Key(key)+deniedPart, limits); err != nil {
		// The next denial says it. It matters to Peek alone.
		d.forget(key)
	}
}

// isNew reports whether no denial of the key was sent within the window.
func (d *denials) isNew(key string, window time.Duration) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := time.Now()
	if now.Before(d.known[key]) {
		return false
	}
	if len(d.known) >= maxRemembered {
		clear(d.known)
	}
	d.known[key] = now.Add(window)
	return true
}

func (d *denials) forget(key string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.known, key)
}

func (d *denials) has(ctx context.Context, key string, window time.Duration) (bool, error) {
	limits, err := lockwatch.NewLimits(lockwatch.Limit{Limit: 1, Window: window})
	if err != nil {
		return false, err
	}
	found, err := d.client.Peek(ctx, d.counts.Key(key)+deniedPart, limits, lockwatch.Free)
	if err != nil {
		return false, err
	}
	return found.Remaining < 1, nil
}
