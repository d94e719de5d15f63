package lockwatch

import (
	"sync"
	"time"
)

// maxMessages is the largest limit of a MessageLimit, which remembers each message.
const maxMessages = 10_000

// MessageLimit limits the messages of one connection, in this process and without Redis. Make one
// for each connection. It counts exactly in sliding windows, and is safe for several goroutines.
type MessageLimit struct {
	now    func() time.Time
	limits []Limit

	mu sync.Mutex
	// units are those that a window may still hold, oldest first.
	units []messageUnits
	// widest is the longest window.
	widest time.Duration
}

type messageUnits struct {
	at    time.Time
	count int64
}

// NewMessageLimit makes a limit like "20/second; 500/minute". A limit is 1 to 10,000.
func NewMessageLimit(limits string) (*MessageLimit, error) {
	parsed, err := ParseLimits(limits)
	if err != nil {
		return nil, err
	}
	if parsed.policy != "" {
		return nil, configurationError("a limit of messages has numbers, like \"20/second\", and no policy of the server")
	}
	m := &MessageLimit{now: time.Now, limits: parsed.list}
	for _, each := range parsed.list {
		if each.Limit < 1 || each.Limit > maxMessages {
			return nil, configurationError("the limit of messages %d is not from 1 to %d", each.Limit, maxMessages)
		}
		m.widest = max(m.widest, each.Window)
	}
	return m, nil
}

// Allow counts a message, and returns whether it is allowed. One that is not counts nothing.
func (m *MessageLimit) Allow() bool { return m.AllowN(1) }

// AllowN is Allow for a message of several units.
func (m *MessageLimit) AllowN(cost int64) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	if cost < 0 || m.wait(now, cost) != 0 {
		return false
	}
	if last := len(m.units) - 1; last >= 0 && m.units[last].at.Equal(now) {
		m.units[last].count += cost
	} else if cost > 0 {
		m.units = append(m.units, messageUnits{now, cost})
	}
	return true
}

// RetryAfter returns the time until one unit more is allowed, and 0 if it is now.
func (m *MessageLimit) RetryAfter() time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.wait(m.now(), 1)
}

// wait returns the time until cost units fit into every window, and Never if cost is above a limit.
func (m *MessageLimit) wait(now time.Time, cost int64) time.Duration {
	m.forget(now)
	var longest time.Duration
	for _, each := range m.limits {
		wait := m.waitFor(each, now, cost)
		if wait == Never {
			return Never
		}
		longest = max(longest, wait)
	}
	return longest
}

func (m *MessageLimit) waitFor(limit Limit, now time.Time, cost int64) time.Duration {
	if cost > limit.Limit {
		return Never
	}
	// From the newest units on, how many may stay in the window.
	room := limit.Limit - cost
	for at := len(m.units) - 1; at >= 0; at-- {
		leaves := m.units[at].at.Add(limit.Window)
		if !leaves.After(now) {
			return 0
		}
		if room -= m.units[at].count; room < 0 {
			return leaves.Sub(now)
		}
	}
	return 0
}

// forget drops what no window holds any more.
func (m *MessageLimit) forget(now time.Time) {
	old := 0
	for old < len(m.units) && !m.units[old].at.Add(m.widest).After(now) {
		old++
	}
	if old > 0 {
		m.units = append(m.units[:0], m.units[old:]...)
	}
}
