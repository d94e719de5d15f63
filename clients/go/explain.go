package lockwatch

import (
	"cmp"
	"context"
	"strconv"
	"time"
)

// TopKey is a key that was denied often lately.
type TopKey struct {
	// Key has at most 256 bytes.
	Key string
	DB  int64
	// Denied is the number of denials, of which each counts half after five minutes. It is at most
	// Error too high.
	Denied, Error int64
	// Last is when it was denied last.
	Last time.Time
	// Policy is the policy of the server that denied it, if one did.
	Policy string
}

// Top returns the keys whose calls were denied most often lately, most first (LW.TOP): ten for a
// count of 0. They are those of one server: in a cluster, of any of its primaries.
func (c *Client) Top(ctx context.Context, count int) ([]TopKey, error) {
	count = cmp.Or(count, 10)
	value, err := c.execute(ctx, command{args: []any{"LW.TOP", "COUNT", strconv.Itoa(count)}})
	if err != nil {
		return nil, err
	}
	return list(value, func(f *fields) TopKey {
		return TopKey{
			Key: f.text("key"), DB: f.integer("db"), Denied: f.integer("denied"), Error: f.integer("error"),
			Last: f.time("last_ms"), Policy: f.optional("policy"),
		}
	})
}

// KeyReport is what a key of lockwatch holds.
type KeyReport struct {
	// Type is "limiter", "burst", "leases", "tokens" or "guard".
	Type           string
	Bytes, Entries int64
	// ExpiresAt is the zero time if the key does not expire.
	ExpiresAt time.Time
	// Windows are those that a limiter or a burst remembers, shortest first.
	Windows []WindowUsage
	// Details has what only this type has, by the names that the server gives.
	Details map[string]any
}

// WindowUsage is what is used in a window of a key.
type WindowUsage struct {
	Window time.Duration
	Used   int64
	// FirstFree is the time until the first unit leaves the window. 0 if it has none.
	FirstFree time.Duration
	// Reset is the time until the window is empty.
	Reset time.Duration
}

// Inspect returns what a key of lockwatch holds, without touching it (LW.INSPECT). It returns nil
// if there is no such key.
func (c *Client) Inspect(ctx context.Context, key string) (*KeyReport, error) {
	value, err := c.execute(ctx, newCommand("LW.INSPECT", key))
	if err != nil || value == nil {
		return nil, err
	}
	found := recordOf(value)
	report := &KeyReport{
		Type: found.text("type"), Bytes: found.integer("bytes"), Entries: found.integer("entries"),
		ExpiresAt: found.time("expires_ms"), Details: map[string]any{},
	}
	if _, has := found.values["windows"]; has {
		report.Windows = listIn(found, "windows", readWindow)
	}
	for name, detail := range found.values {
		switch name {
		case "type", "bytes", "entries", "expires_ms", "windows":
		default:
			report.Details[name] = detail
		}
	}
	return report, found.err()
}

func readWindow(f *fields) WindowUsage {
	return WindowUsage{f.duration("window_ms"), f.integer("used"), f.duration("first_free_ms"), f.duration("reset_ms")}
}
