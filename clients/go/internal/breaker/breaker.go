// Package breaker is a circuit breaker, so that a Redis that hangs does not cost every request a
// timeout.
package breaker

import (
	"sync"
	"sync/atomic"
	"time"
)

// Breaker opens after a number of timeouts in a row. After a pause it admits one call as a probe.
type Breaker struct {
	maxTimeouts int
	pause       time.Duration
	now         func() time.Time
	made        time.Time

	mu sync.Mutex
	// Timeouts since the last answer, and when the breaker admits a probe: nanoseconds since it was
	// made, 0 while it is closed. They are written under `mu`, and read without it on the usual
	// path.
	timeouts  atomic.Int64
	openUntil atomic.Int64
}

// New makes a breaker that is closed. The clock is an argument for the tests.
func New(maxTimeouts int, pause time.Duration, now func() time.Time) *Breaker {
	return &Breaker{maxTimeouts: maxTimeouts, pause: pause, now: now, made: now()}
}

// elapsed is the time since the breaker was made. A wall clock that steps does not change it: the
// difference of two times is that of their monotonic readings.
func (b *Breaker) elapsed() time.Duration { return b.now().Sub(b.made) }

// Admit returns whether a call may ask Redis. The first one after the pause is the probe, and the
// others wait for its result, for another pause at most.
func (b *Breaker) Admit() bool {
	if b.openUntil.Load() == 0 {
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	until, now := b.openUntil.Load(), b.elapsed()
	if until == 0 {
		return true
	}
	if int64(now) < until {
		return false
	}
	b.openUntil.Store(int64(now + b.pause))
	return true
}

// Closed is Admit for a call that is never the probe.
func (b *Breaker) Closed() bool {
	until := b.openUntil.Load()
	return until == 0 || int64(b.elapsed()) >= until
}

// Answered reports that Redis answered, or refused the connection at once.
func (b *Breaker) Answered() {
	if b.timeouts.Load() == 0 && b.openUntil.Load() == 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.timeouts.Store(0)
	b.openUntil.Store(0)
}

// TimedOut reports that Redis did not answer in time.
func (b *Breaker) TimedOut() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.timeouts.Add(1) >= int64(b.maxTimeouts) {
		b.openUntil.Store(int64(b.elapsed() + b.pause))
	}
}
