package lockwatch

import (
	"context"
	"sync"
	"testing"
	"time"
)

func TestAPanicOfTheApplicationEndsTheWholeBatch(t *testing.T) {
	isRunning, mayEnd := make(chan struct{}), make(chan struct{})
	b := &batches{exchange: func(context.Context, []command) ([]reply, error) {
		close(isRunning)
		<-mayEnd
		panic("a function among the options of go-redis")
	}}
	joined, _, begins := b.join([]command{newCommand("LW.PEEK", "a")})
	if !begins {
		t.Fatal("the first call begins no batch")
	}
	var followers sync.WaitGroup
	failed := make(chan error, 1)
	followers.Go(func() {
		_, err := b.send(context.Background(), []command{newCommand("LW.PEEK", "b")})
		failed <- err
	})
	for joinedCalls(b) < 2 {
		time.Sleep(time.Millisecond)
	}
	followers.Go(func() {
		defer func() {
			if recover() == nil {
				t.Error("the call that sends the batch does not panic")
			}
		}()
		b.run(joined)
	})
	<-isRunning
	close(mayEnd)
	select {
	case err := <-failed:
		wantError(t, err, ErrUnavailable, "CONNECTION")
	case <-time.After(5 * time.Second):
		t.Fatal("a call of the batch waits for ever")
	}
	followers.Wait()
}

func joinedCalls(b *batches) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.next == nil {
		return 0
	}
	return b.next.calls
}
