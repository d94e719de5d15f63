// Package lockwatchulule is a store for the limiters of github.com/ulule/limiter/v3, whose limits
// are exact and shared by all processes then:
//
//	store, err := lockwatchulule.NewStore(client, lockwatch.StoreOptions{})
//	instance := limiter.New(store, rate)
//
// A call that is denied is not counted, and the window slides.
package lockwatchulule

import (
	"context"
	"errors"
	"time"

	"github.com/ulule/limiter/v3"

	"lockwatch"
)

// defaultName is part of the keys, and the policy in the counters.
const defaultName = "ulule-limiter"

// Store is a limiter.Store.
type Store struct {
	client  *lockwatch.Client
	counts  *lockwatch.Store
	denials *denials
}

var _ limiter.Store = (*Store)(nil)

// NewStore makes a store. Its usual name is ulule-limiter.
func NewStore(client *lockwatch.Client, options lockwatch.StoreOptions) (*Store, error) {
	if options.Name == "" {
		options.Name = defaultName
	}
	counts, err := lockwatch.NewStore(client, options)
	if err != nil {
		return nil, err
	}
	return &Store{client, counts, newDenials(client, counts)}, nil
}

// Get counts one call, unless the limit is reached.
func (s *Store) Get(ctx context.Context, key string, rate limiter.Rate) (limiter.Context, error) {
	return s.Increment(ctx, key, 1, rate)
}

// Increment counts several calls, unless the limit has no room for all of them. A count of 0 is
// Peek.
func (s *Store) Increment(ctx context.Context, key string, count int64, rate limiter.Rate) (limiter.Context, error) {
	if count == 0 {
		return s.Peek(ctx, key, rate)
	}
	if count < 0 {
		return limiter.Context{}, errors.New("lockwatch: a count below 0 is not possible, because what was counted has a time")
	}
	result, err := s.counts.Take(ctx, key, limitOf(rate), count)
	if err != nil {
		return limiter.Context{}, err
	}
	if !result.Allowed {
		s.denials.add(ctx, key, rate.Period)
	}
	return contextOf(result, !result.Allowed), nil
}

// Peek counts nothing. The limit is reached if nothing is left, and a call was denied.
func (s *Store) Peek(ctx context.Context, key string, rate limiter.Rate) (limiter.Context, error) {
	result, err := s.counts.Peek(ctx, key, limitOf(rate))
	if err != nil {
		return limiter.Context{}, err
	}
	reached := result.Remaining < 1
	if reached {
		if reached, err = s.denials.has(ctx, key, rate.Period); err != nil {
			return limiter.Context{}, err
		}
	}
	return contextOf(result, reached), nil
}

// Reset forgets what was counted.
func (s *Store) Reset(ctx context.Context, key string, rate limiter.Rate) (limiter.Context, error) {
	name := s.counts.Key(key)
	if _, err := s.client.Do(ctx, name, "UNLINK", name, name+deniedPart); err != nil {
		return limiter.Context{}, err
	}
	s.denials.forget(key)
	return limiter.Context{Limit: rate.Limit, Remaining: rate.Limit, Reset: time.Now().Unix()}, nil
}

func limitOf(rate limiter.Rate) lockwatch.Limit {
	return lockwatch.Limit{Limit: rate.Limit, Window: rate.Period}
}

// contextOf has the second in which nothing of the window counts any more, as other stores have it.
func contextOf(result *lockwatch.RateLimitResult, reached bool) limiter.Context {
	return limiter.Context{
		Limit:     result.Limit,
		Remaining: result.Remaining,
		Reset:     time.Now().Add(result.ResetAfter).Unix(),
		Reached:   reached,
	}
}
