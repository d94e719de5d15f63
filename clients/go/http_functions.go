package lockwatch

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"
)

// awayError: a function of the application failed because Redis is away.
type awayError struct {
	option string
	cause  *Error
}

func (f *awayError) Error() string {
	return f.option + " failed because Redis is away: " + messageOf(f.cause)
}

func (f *awayError) Unwrap() error { return f.cause }

// askFunction is the error of a function of the application, the value of an option. It is a
// *awayError if Redis is away.
func askFunction(option string, err error) error {
	if err == nil {
		return nil
	}
	if failure := redisFailure(err); failure != nil {
		return &awayError{option, failure}
	}
	return err
}

// redisFailure returns the failure of Redis that an error reports; nil if it has another source, or
// if the call was at fault. go-redis returns errors of the network as they are, so these count.
func redisFailure(err error) *Error {
	var own *Error
	var answered redis.Error
	var network net.Error
	switch {
	case errors.As(err, &own):
		return ifUnavailable(own)
	case errors.Is(err, ErrUnavailable):
		return unavailable("CONNECTION", "Redis is away", "")
	case errors.Is(err, redis.Nil), errors.Is(err, context.Canceled):
		return nil
	case errors.As(err, &answered):
		return ifUnavailable(answeredError(answered.Error(), ""))
	case errors.As(err, &network) && network.Timeout(), errors.Is(err, redis.ErrPoolTimeout):
		return unavailable("TIMEOUT", "Redis did not answer in time", "")
	case errors.As(err, &network), errors.Is(err, redis.ErrClosed), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return unavailable("CONNECTION", "no connection to Redis", "")
	}
	return nil
}

func ifUnavailable(failure *Error) *Error {
	if errors.Is(failure, ErrUnavailable) {
		return failure
	}
	return nil
}

// reasonOf is an error of Redis as CONFORMANCE.md names it.
func reasonOf(err error) string { return strings.ToLower(codeOf(err)) }

// limitsFunc is an option that returns limits.
type limitsFunc struct {
	option string
	call   LimitsFunc
}

// maxParsed bounds the texts of limits that are kept parsed.
const maxParsed = 1000

var (
	parsedLimits   = map[string]Limits{}
	parsedLimitsMu sync.RWMutex
)

// limits returns the limits of a request; the zero value if the function returns none.
func (f limitsFunc) limits(r *http.Request) (Limits, error) {
	text, err := f.call(r)
	if err != nil || text == "" {
		return Limits{}, askFunction(f.option, err)
	}
	parsedLimitsMu.RLock()
	known, found := parsedLimits[text]
	parsedLimitsMu.RUnlock()
	if found {
		return known, nil
	}
	parsed, err := ParseLimits(text)
	if err != nil {
		return Limits{}, configurationError("%s: the function that is given as limits returned %s: %s",
			f.option, shown(text), messageOf(err))
	}
	parsedLimitsMu.Lock()
	defer parsedLimitsMu.Unlock()
	if len(parsedLimits) < maxParsed {
		parsedLimits[text] = parsed
	}
	return parsed, nil
}

// units is the option Cost, or CostFunc.
type units struct {
	fixed int64
	call  CostFunc
}

func newUnits(cost int64, call CostFunc, of string) (units, error) {
	if cost == 0 {
		cost = 1
	}
	if cost < 1 || cost > maxLimit {
		return units{}, configurationError("Cost%s is %d: expected an integer from 1 to %d", of, cost, int64(maxLimit))
	}
	return units{cost, call}, nil
}

// known is the cost without a request: 1 if a function decides.
func (u units) known() int64 {
	if u.call != nil {
		return 1
	}
	return u.fixed
}

func (u units) of(r *http.Request) (int64, error) {
	if u.call == nil {
		return u.fixed, nil
	}
	cost, err := u.call(r)
	if err != nil {
		return 0, askFunction("CostFunc", err)
	}
	if cost < 1 || cost > maxLimit {
		return 0, configurationError("CostFunc: the function that is given as cost returned %d: expected an integer from 1 to %d",
			cost, int64(maxLimit))
	}
	return cost, nil
}
