package lockwatch

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/redis/go-redis/v9"
)

// noAnswer is why a round trip had no answer. ctx is that of the caller, without the timeouts of
// this package.
func noAnswer(ctx context.Context, err error, server string) *Error {
	at := ""
	if server != "" {
		at = " at " + server
	}
	if ended := endOf(ctx); ended != nil {
		code := "CANCELED"
		if errors.Is(ended, context.DeadlineExceeded) {
			code = "TIMEOUT"
		}
		failure := unavailable(code, "the call ended before Redis"+at+" answered", server)
		failure.cause = ended
		return failure
	}
	if isTimeout(err) {
		return unavailable("TIMEOUT", "Redis"+at+" did not answer in time", server)
	}
	// Without the text of other errors: that of a Sentinel client may contain its settings.
	return unavailable("CONNECTION", "no connection to Redis"+at+reason(err), server)
}

// endOf is why a context has ended; nil if it has not. A socket reports the deadline of a context a
// moment before the context does.
func endOf(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if deadline, has := ctx.Deadline(); has && !time.Now().Before(deadline) {
		return context.DeadlineExceeded
	}
	return nil
}

func isTimeout(err error) bool {
	var network net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, redis.ErrPoolTimeout) ||
		errors.Is(err, redis.ErrPoolExhausted) || (errors.As(err, &network) && network.Timeout())
}

func reason(err error) string {
	var operation *net.OpError
	if errors.As(err, &operation) {
		return ": " + operation.Op + ": " + operation.Err.Error()
	}
	if errors.Is(err, redis.ErrClosed) {
		return ": the client is closed"
	}
	return ""
}
