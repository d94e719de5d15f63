package lockwatch

import (
	"context"
	"fmt"
	"strings"
	"sync"
)

// TokenBudget has the tokens of a language model that each key may use, and the calls that it may
// make. Tokens and calls are admitted in one step.
type TokenBudget struct {
	client   *Client
	limits   Limits
	requests Limits
}

// NewTokenBudget makes a budget of limits like "10000/minute". requests limits the calls; the zero
// value does not.
func NewTokenBudget(client *Client, limits, requests Limits) (*TokenBudget, error) {
	if client == nil {
		return nil, configurationError("the client is nil: write NewTokenBudget(client, limits, lockwatch.Limits{})")
	}
	if err := limits.check(); err != nil {
		return nil, err
	}
	return &TokenBudget{client, limits, requests}, nil
}

// Reservation is tokens that are reserved until End, which corrects them to what was used. Its
// methods are safe for several goroutines.
type Reservation struct {
	budget   *TokenBudget
	key      string
	reserved int64
	result   *RateLimitResult

	mu       sync.Mutex
	used     int64
	settled  bool
	canceled bool
	ended    bool
}

// Reserve reserves an estimate of tokens of a key. Say with Settle or Add what was really used, and
// call End, usually with defer. The error is ErrBudgetExceeded, a *DeniedError, if fewer are left.
// The Redis keys are {key}:tokens and {key}:requests.
func (b *TokenBudget) Reserve(ctx context.Context, key string, estimate int64) (*Reservation, error) {
	if key == "" || strings.HasPrefix(key, "}") {
		return nil, configurationError("%s is no key of a budget: a text like 'user:42'", shown(key))
	}
	if estimate < 1 {
		return nil, configurationError("the estimate is %d: expected an integer from 1", estimate)
	}
	r := &Reservation{budget: b, key: key, reserved: estimate}
	var err error
	if b.requests.IsZero() {
		args := RateLimitArgs{Cost: estimate, WithTime: true}
		r.result, err = b.client.RateLimitArgs(ctx, r.tokensKey(), b.limits, args)
	} else {
		var multi *MultiResult
		multi, err = b.client.MRateLimit(ctx,
			MultiEntry{Key: r.requestsKey(), Limits: b.requests},
			MultiEntry{Key: r.tokensKey(), Limits: b.limits, Cost: estimate})
		if err == nil {
			r.result = multi.Result()
		}
	}
	if err != nil {
		return nil, err
	}
	if !r.result.Allowed {
		return nil, &DeniedError{RetryAfter: r.result.RetryAfter, kind: ErrBudgetExceeded,
			message: fmt.Sprintf("the budget of '%s' has no room for this reservation", key)}
	}
	return r, nil
}

func (r *Reservation) tokensKey() string   { return "{" + r.key + "}:tokens" }
func (r *Reservation) requestsKey() string { return "{" + r.key + "}:requests" }

// Result returns what the limits answered: the one that binds.
func (r *Reservation) Result() *RateLimitResult { return r.result }

// Add counts tokens that were used, as they come. If the call fails afterwards, say so with Settle,
// because it may have used more than was counted.
func (r *Reservation) Add(tokens int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.settled {
		r.used += max(0, tokens)
	}
}

// Used returns the sum of Add, or what Settle was told.
func (r *Reservation) Used() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.used
}

// Settle says what was used in all.
func (r *Reservation) Settle(actual int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.used, r.settled, r.canceled = max(0, actual), true, false
}

// Cancel says that nothing was used, and that the call does not count. Everything is given back.
func (r *Reservation) Cancel() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.used, r.settled, r.canceled = 0, true, true
}

// End corrects the reservation to what was used, also if ctx is canceled. With neither Settle,
// Cancel nor Add the reservation stays as it is, because it is not known what the call used. A
// failure is logged, and the reservation stays then too. A second call does nothing.
func (r *Reservation) End(ctx context.Context) {
	commands := r.corrections()
	if len(commands) == 0 {
		return
	}
	replies, err := r.budget.client.pipeline(context.WithoutCancel(ctx), commands)
	for _, each := range replies {
		if err == nil {
			err = each.err
		}
	}
	if err != nil {
		failures := r.budget.client.failures
		failures.log("budget: "+codeOf(err), "a reservation stays as it was estimated: "+failures.named(err))
	}
}

func (r *Reservation) corrections() []command {
	r.mu.Lock()
	defer r.mu.Unlock()
	unknown := !r.settled && r.used == 0
	if r.ended || unknown || r.result.Time.IsZero() || r.used == r.reserved && !r.canceled {
		r.ended = true
		return nil
	}
	r.ended = true
	commands := []command{settleCommand(r.tokensKey(), r.reserved, r.used, r.result.Time)}
	if r.canceled && !r.budget.requests.IsZero() {
		commands = append(commands, refundCommand(r.requestsKey(), 1, r.result.Time))
	}
	return commands
}
