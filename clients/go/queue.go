package lockwatch

import (
	"context"
	"errors"
	"sync"
	"time"
)

const (
	maxBatch = 100
	// How long a client that is closed waits for what is left.
	flushTime           = 2 * time.Second
	correctionQueueSize = 10_000
	outcomeQueueSize    = 10_000
)

// losses is called for commands that a queue loses. A batch is never sent again, because Redis may
// have executed it.
type losses interface {
	// lost: count commands are lost. kind groups messages in the log.
	lost(kind string, err error, count int)
	// recorded: a whole batch has been executed.
	recorded()
}

// sendQueue sends commands after responses. No request waits for them, and their number is bounded.
type sendQueue struct {
	connection connection
	linger     time.Duration
	losses     losses

	mu      sync.Mutex
	waiting chan command
	// flush ends the linger, so that what waits is sent at once.
	flush  chan struct{}
	done   chan struct{}
	closed bool
}

// newSendQueue makes a queue of at most size commands. It starts its goroutine with the first of
// them. linger is how long it collects a batch.
func newSendQueue(connection connection, size int, linger time.Duration, losses losses) *sendQueue {
	return &sendQueue{
		connection: connection,
		linger:     linger,
		losses:     losses,
		waiting:    make(chan command, size),
		flush:      make(chan struct{}),
	}
}

// record adds a command. It never waits.
func (q *sendQueue) record(cmd command) {
	// Without the lock, because it calls a function of the application.
	if kind, err := q.add(cmd); err != nil {
		q.losses.lost(kind, err, 1)
	}
}

// add returns why a command is lost.
func (q *sendQueue) add(cmd command) (kind string, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return "closed", errClientClosed
	}
	if q.done == nil {
		q.done = make(chan struct{})
		go q.run()
	}
	select {
	case q.waiting <- cmd:
		return "", nil
	default:
		return "full", errQueueFull
	}
}

// bypass drops a command while the breaker is open.
func (q *sendQueue) bypass() { q.losses.lost("bypassed", errBypassed, 1) }

var (
	errQueueFull    = errors.New("the queue is full: commands come faster than Redis takes them")
	errClientClosed = errors.New("the client is closed")
	errBypassed     = errors.New("the breaker is open: Redis has timed out several times in a row and is bypassed")
)

func (q *sendQueue) run() {
	defer close(q.done)
	for first := range q.waiting {
		if q.linger > 0 && len(q.waiting) < maxBatch {
			q.wait()
		}
		q.send(q.batch(first))
	}
}

func (q *sendQueue) wait() {
	timer := time.NewTimer(q.linger)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-q.flush:
	}
}

func (q *sendQueue) batch(first command) []command {
	batch := append(make([]command, 0, maxBatch), first)
	for len(batch) < maxBatch {
		select {
		case next, open := <-q.waiting:
			if !open {
				return batch
			}
			batch = append(batch, next)
		default:
			return batch
		}
	}
	return batch
}

func (q *sendQueue) send(batch []command) {
	replies, err := q.connection.send(context.Background(), batch)
	if err != nil {
		q.losses.lost(codeOf(err), err, len(batch))
		return
	}
	all := true
	for _, each := range replies {
		if each.err != nil {
			all = false
			q.losses.lost(codeOf(each.err), each.err, 1)
		}
	}
	if all {
		q.losses.recorded()
	}
}

// close sends what is left, and waits for it at most so long. Later commands are lost.
func (q *sendQueue) close(wait time.Duration) {
	q.mu.Lock()
	started := q.done
	if !q.closed {
		q.closed = true
		close(q.waiting)
		close(q.flush)
	}
	q.mu.Unlock()
	if started == nil {
		return
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-started:
	case <-timer.C:
	}
}

// codeOf is the code of an error of this package, for the log.
func codeOf(err error) string {
	var failure *Error
	if errors.As(err, &failure) {
		return failure.Code
	}
	return "ERROR"
}

// correctionLosses logs that what requests cost is not corrected after their responses.
type correctionLosses struct{ failures *failureLog }

func (l *correctionLosses) recorded() {}
func (l *correctionLosses) lost(kind string, err error, _ int) {
	l.failures.log("corrections: "+kind, "what requests cost is not corrected after their responses "+
		"(SkipSuccessful, SkipFailed, CountWhen): "+l.failures.named(err))
}

// outcomeLosses logs that a guard does not get the outcomes of logins.
type outcomeLosses struct{ failures *failureLog }

func (l *outcomeLosses) recorded() {}
func (l *outcomeLosses) lost(kind string, err error, _ int) {
	if errors.Is(err, ErrNoRule) {
		sayOnce("rule: "+err.Error(), func() {
			l.failures.logger.Error("a guard does not get the outcomes of logins: " + messageOf(err))
		})
	}
	l.failures.log("outcomes: "+kind, "outcomes are lost to guards: "+l.failures.named(err))
}
