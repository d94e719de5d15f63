package lockwatch

import (
	"context"
	"errors"
	"net"

	"github.com/redis/go-redis/v9"
)

// noAnswer is why a round trip had no answer. ctx is that of the caller, without the timeouts of
// this package.
func noAnswer(ctx context.Context, err error, server string) *Error {
	at := ""
	if server != "" {
		at = " at " + server
	}
	if ended := ctx.Err(); ended != nil {
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
