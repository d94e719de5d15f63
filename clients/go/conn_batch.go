package lockwatch

import (
	"context"
	"runtime"
	"sync"
)

// maxBatchCalls is the number of calls that share a write at most. They wait for its last reply,
// and fail together.
const maxBatchCalls = 128

// batches writes the commands of concurrent calls together. Under load many requests ask for their
// limit at the same time. With a connection for each, every request would cost two system calls and
// two switches of goroutines. Together they cost that once.
type batches struct {
	exchange func(context.Context, []command) ([]reply, error)

	mu   sync.Mutex
	next *batch
}

// batch is what is written together. The call that begins it sends it.
type batch struct {
	commands []command
	calls    int
	done     chan struct{}
	replies  []reply
	err      error
}

// send adds commands to the next batch, and waits for their replies, or for the end of the context.
func (b *batches) send(ctx context.Context, commands []command) ([]reply, error) {
	joined, from, begins := b.join(commands)
	if begins {
		if ctx.Done() == nil {
			b.run(joined)
		} else {
			go b.run(joined) //nolint:gosec // The batch is that of other calls, too.
		}
	}
	select {
	case <-joined.done:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if joined.err != nil {
		return nil, joined.err
	}
	return joined.replies[from : from+len(commands) : from+len(commands)], nil
}

// join returns the batch, the place of the commands in it, and whether it begins with them.
func (b *batches) join(commands []command) (joined *batch, from int, begins bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.next == nil {
		b.next = &batch{done: make(chan struct{})}
		begins = true
	}
	joined, from = b.next, len(b.next.commands)
	joined.commands = append(joined.commands, commands...)
	if joined.calls++; joined.calls >= maxBatchCalls {
		b.next = nil
	}
	return joined, from, begins
}

// run sends a batch once every goroutine that is ready to run has had its turn, and maybe joined
// it.
func (b *batches) run(own *batch) {
	runtime.Gosched()
	b.mu.Lock()
	if b.next == own {
		b.next = nil
	}
	b.mu.Unlock()
	// A function in the options of go-redis may panic. Then the other calls must not wait for ever.
	own.err = unavailable("CONNECTION", "no connection to Redis: a function of the application panicked", "")
	defer close(own.done)
	own.replies, own.err = b.exchange(context.Background(), own.commands)
}

// areTexts reports whether commands can be written whatever they contain. One that cannot be
// written would fail all of its batch.
func areTexts(commands []command) bool {
	for i := range commands {
		for _, each := range commands[i].args {
			if _, ok := each.(string); !ok {
				return false
			}
		}
	}
	return true
}
