package lockwatch

import (
	"context"
	"regexp"
	"sync"
)

// storeKind begins what follows the client in the key of a store. Names of policies have no colon,
// so a store never counts into one of them.
const storeKind = "store:"

var storeName = regexp.MustCompile(`^[^{}\s]{1,64}$`)

// StoreOptions are the options of NewStore. The zero value of each is its default.
type StoreOptions struct {
	// Name is part of the keys, and the policy in Stats. Two stores of one name share their counts.
	Name string
	// KeyPrefix begins every key. "lw" by default.
	KeyPrefix string
	// OnRedisFailure is FailAllow by default. With FailDeny the error is returned, with which the
	// other library does what it does if a store fails.
	OnRedisFailure FailureMode
	// LocalShare is the part of each limit that FailLocal allows in this process. 1 by default.
	LocalShare float64
}

// Store counts for the limiter of another library: its store for lockwatch calls this one. A call
// that is denied is not counted, and the window slides.
type Store struct {
	client *Client
	name   string
	keys   keySpace
	mode   mode
	limits sync.Map
}

// NewStore makes a Store. The name of the other library is its usual name.
func NewStore(client *Client, options StoreOptions) (*Store, error) {
	if client == nil {
		return nil, configurationError("the client is nil: make one with lockwatch.Open(\"redis://localhost:6379\", …)")
	}
	if !storeName.MatchString(options.Name) {
		return nil, configurationError("Name is %s: expected 1 to 64 characters without braces and spaces, like 'login'",
			shown(options.Name))
	}
	s := &Store{client: client, name: options.Name}
	var err error
	if s.keys, err = newKeySpace(client, options.KeyPrefix); err != nil {
		return nil, err
	}
	s.mode, err = newMode(modeOptions{onFailure: options.OnRedisFailure, localShare: options.LocalShare}, Limits{}, "")
	return s, err
}

// Take admits and counts units at a key of the other library, if the limit has room for them.
func (s *Store) Take(ctx context.Context, key string, limit Limit, units int64) (*RateLimitResult, error) {
	limits, err := s.limitsOf(limit)
	if err != nil {
		return nil, err
	}
	if units < 1 || units > maxLimit {
		return nil, configurationError("%d units are taken: expected at least 1", units)
	}
	name := s.Key(key)
	// A client that leaves must not look like a Redis that is away.
	ctx = context.WithoutCancel(ctx)
	result, err := s.client.RateLimitArgs(ctx, name, limits, RateLimitArgs{Cost: units})
	if err != nil {
		return s.unanswered(ctx, name, limits, units, err)
	}
	s.client.answered([]askedLimit{{name, s.name, limits, result}})
	s.client.decided(ctx, Event{Outcome: outcomeOf(result, false), Policy: s.name})
	return result, nil
}

func (s *Store) unanswered(
	ctx context.Context, key string, limits Limits, units int64, err error,
) (*RateLimitResult, error) {
	outcome, denial := s.mode.unanswered(s.client, []localCall{{key, s.name, limits}}, units, err)
	s.client.decided(ctx, Event{Outcome: outcome, Policy: s.name, Reason: reasonOf(err)})
	switch {
	case outcome == FailedClosed:
		return nil, err
	case denial != nil:
		return denial.result, nil
	default:
		return untouched(limits), nil
	}
}

// Peek returns what is left at a key, and counts nothing. Without an answer, that is all of it, or
// the error is returned with FailDeny.
func (s *Store) Peek(ctx context.Context, key string, limit Limit) (*RateLimitResult, error) {
	limits, err := s.limitsOf(limit)
	if err != nil {
		return nil, err
	}
	result, err := s.client.Peek(ctx, s.Key(key), limits, Free)
	if err != nil && s.mode.onFailure != FailDeny {
		return untouched(limits), nil
	}
	return result, err
}

// untouched is the result of a limit of which nothing is known to be used.
func untouched(limits Limits) *RateLimitResult {
	limit := limits.list[0].Limit
	return &RateLimitResult{Allowed: true, Limit: limit, Remaining: limit, Limits: limits}
}

// Key is the key in Redis for a key of the other library. Keys that begin with it are in the same
// slot of a cluster.
func (s *Store) Key(key string) string { return s.keys.key(keyClient(key), storeKind+s.name) }

// limitsOf keeps the arguments of a limit, of which there are no more than in the source code.
func (s *Store) limitsOf(limit Limit) (Limits, error) {
	if known, found := s.limits.Load(limit); found {
		return known.(Limits), nil
	}
	limits, err := NewLimits(limit)
	if err == nil {
		s.limits.Store(limit, limits)
	}
	return limits, err
}
