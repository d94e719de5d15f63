package lockwatch

import (
	"context"
	"errors"

	"lockwatch/internal/breaker"
)

// link is a connection behind the circuit breaker. Timeouts of a slow link do not count, because
// slow commands must not stop the rate limiter.
type link struct {
	connection connection
	breaker    *breaker.Breaker
	server     string
	slow       bool
}

func (l *link) send(ctx context.Context, commands []command) ([]reply, error) {
	if err := endOf(ctx); err != nil {
		return nil, noAnswer(ctx, err, l.server)
	}
	if l.slow {
		if !l.breaker.Closed() {
			return nil, l.bypassed()
		}
		return l.connection.send(ctx, commands)
	}
	if !l.breaker.Admit() {
		return nil, l.bypassed()
	}
	replies, err := l.connection.send(ctx, commands)
	l.report(ctx, err)
	return replies, err
}

func (l *link) report(ctx context.Context, err error) {
	var failure *Error
	switch {
	case err == nil:
		l.breaker.Answered()
	case endOf(ctx) != nil:
		// The caller did not wait for Redis, which says nothing about Redis.
	case errors.As(err, &failure) && failure.Code == "TIMEOUT":
		l.breaker.TimedOut()
	default:
		l.breaker.Answered()
	}
}

func (l *link) bypassed() *Error {
	return unavailable("BYPASSED", "Redis at "+l.server+" has timed out several times in a row and is bypassed", l.server)
}

func (l *link) close() error { return l.connection.close() }
