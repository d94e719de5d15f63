package lockwatch

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/netip"
	"sync"
)

// ErrNoLimit is what a KeyFunc returns for a request to which the limit does not apply.
var ErrNoLimit = errors.New("lockwatch: the limit does not apply to this request")

// State is what the middleware knows about a request. It is safe for several goroutines.
type State struct {
	policy  string
	address netip.Addr
	counted *countedLimits
	charge  *charges
	// outer is the middleware that made the state, whose options route limits follow.
	outer *limiter
	// request is the one that was passed on, in which the router writes its pattern.
	request *http.Request

	mu       sync.Mutex
	limit    *RateLimitResult
	burst    *BurstResult
	guard    *GuardResult
	failure  string
	limited  bool
	shadowed bool
	blocked  bool
	user     string
	keyText  string
	denial   json.RawMessage
	headers  []header
}

type stateKey struct{}

// StateOf returns the state of a request, by its context. It is nil without the middleware, and for
// an exempt request.
func StateOf(ctx context.Context) *State {
	state, _ := ctx.Value(stateKey{}).(*State)
	return state
}

// Policy is the name of the policy of the request's route.
func (s *State) Policy() string { return s.policy }

// Address is that of the client; the zero address for the peer of a Unix socket.
func (s *State) Address() netip.Addr { return s.address }

// Limit is the result of the limit that binds; nil if Redis did not answer.
func (s *State) Limit() *RateLimitResult { return locked(s, &s.limit) }

// Burst is nil without detection of bursts, or if Redis did not answer.
func (s *State) Burst() *BurstResult { return locked(s, &s.burst) }

// Guard is what the guard answered; nil without a guard, or if it did not answer.
func (s *State) Guard() *GuardResult { return locked(s, &s.guard) }

// Failure is why Redis did not answer: timeout, connection, bypassed, module_missing, or the code
// of its error in lower case. It is empty if Redis answered.
func (s *State) Failure() string { return locked(s, &s.failure) }

// Limited reports whether a limit denied the request, in shadow mode too.
func (s *State) Limited() bool { return locked(s, &s.limited) }

// SetUser sets the user in the audit event of the request.
func (s *State) SetUser(user string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.user = user
}

// Header returns the headers of the limit, for a response that the application writes past the
// ResponseWriter. A WebSocket library that takes over the connection is given them.
func (s *State) Header() http.Header {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := make(http.Header, len(s.headers))
	for _, each := range s.headers {
		found[each.name] = []string{each.value}
	}
	return found
}

func locked[T any](s *State, field *T) T {
	s.mu.Lock()
	defer s.mu.Unlock()
	return *field
}

func (s *State) fail(reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failure = reason
}

// setBurst keeps an earlier burst, which another middleware found.
func (s *State) setBurst(result *BurstResult) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.burst == nil || !s.burst.Burst {
		s.burst = result
	}
}

// addressText is empty for the peer of a Unix socket.
func (s *State) addressText() string {
	if !s.address.IsValid() {
		return ""
	}
	return s.address.String()
}

// caller is whom a guard is asked about.
func (s *State) caller() (ip, user string) {
	ip = s.addressText()
	s.mu.Lock()
	defer s.mu.Unlock()
	if user = s.user; user == "" {
		user = s.keyText
	}
	return ip, user
}

// setKeyText keeps the result of the last key function, which is the user unless the application
// sets one.
func (s *State) setKeyText(text string) {
	if text == "" {
		return
	}
	if len(text) > maxTextBytes {
		// As long as that it is what a client has sent. The digest tells users apart.
		digest := shortDigest(text)
		text = cut(text, maxTextBytes-len(digest)) + digest
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keyText = text
}

// judge records the result of a limit, and replaces the headers of an earlier one.
func (s *State) judge(asked *askedLimit, headers []header, shadow bool) {
	s.mu.Lock()
	s.limit, s.headers = asked.result, headers
	s.mu.Unlock()
	if !asked.result.Allowed {
		s.deny(asked, shadow)
	}
}

// deny records a denial by a limit. One without shadow mode outweighs an earlier one in it.
func (s *State) deny(denial *askedLimit, shadow bool) {
	data := denialData(denial.result, denial.name, denial.key, shadow)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limited, s.shadowed, s.denial = true, shadow, data
}

// block records that a guard answered the request.
func (s *State) block(denial json.RawMessage) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.blocked = true
	if s.denial == nil {
		s.denial = denial
	}
}

// isOwnResponse reports whether the response is not the application's.
func (s *State) isOwnResponse() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.blocked || (s.limited && !s.shadowed)
}
