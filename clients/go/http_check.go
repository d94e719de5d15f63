package lockwatch

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"lockwatch/internal/pattern"
)

// reasonBypassed is the failure of a request for which Redis is not asked.
const reasonBypassed = "bypassed"

// unverified follows the name of a policy in the key of an address with credentials.
const unverified = "unverified"

// decision is what becomes of a request.
type decision struct {
	// headers are those of a limit, for the application's response or for the reply.
	headers []header
	// reply is nil if the request goes on to the application.
	reply *Reply
	// err is of the configuration or of the application. The request cannot be decided.
	err error
}

// check decides about one request: one round trip to Redis before the application, and an audit
// event after the response.
type check struct {
	limiter *limiter
	policy  *policy
	state   *State
	method  string
	path    string
	started time.Time
	// key routes the audit event in a cluster.
	key       string
	guarded   bool
	goesOn    bool
	ownsState bool
	ended     bool
	writer    responseWriter
	// own is used if no other middleware has made a state.
	own struct {
		state   State
		counted countedLimits
		charge  charges
	}
	// Room for what a request usually has.
	calls    [2]limitCall
	asked    [2]askedLimit
	commands [4]command
}

// limitCall is a limit that is asked about a request.
type limitCall struct {
	command command
	key     string
	limits  Limits
	// name is that in the headers of the response.
	name string
}

// askedLimit is a limit that has answered.
type askedLimit struct {
	key, name string
	limits    Limits
	result    *RateLimitResult
}

// roundTrip is what is sent for a request.
type roundTrip struct {
	calls []limitCall
	cost  int64
	burst bool
	check bool
	// commands are those of the calls, and then LW.BURST and LW.CHECK if they are sent.
	commands []command
}

// caller is whom a request counts for.
type caller struct {
	client       string
	isCredential bool
}

func (c *check) decide(r *http.Request) decision {
	found := c.decideOn(r)
	var failed *awayError
	if errors.As(found.err, &failed) {
		found = c.functionFailed(r, failed)
	}
	c.goesOn = found.reply == nil && found.err == nil
	return found
}

func (c *check) decideOn(r *http.Request) decision {
	who, err := c.caller(r)
	if errors.Is(err, ErrNoLimit) {
		return c.withoutLimit(r)
	}
	if err != nil {
		return decision{err: err}
	}
	limits, err := c.limits(r)
	if err != nil {
		return decision{err: err}
	}
	cost, err := c.policy.cost.of(r)
	if err != nil {
		return decision{err: err}
	}
	trip, err := c.roundTrip(r, who, limits, cost)
	if err != nil {
		return decision{err: err}
	}
	// A client that leaves must not look like a Redis that is away.
	replies, err := c.limiter.client.pipeline(context.WithoutCancel(r.Context()), trip.commands)
	if err != nil {
		return c.limiter.responses.answer(r, c.failed(r, &trip, err), c.policy.name)
	}
	return c.judge(r, &trip, replies)
}

// caller returns ErrNoLimit if no limit applies.
func (c *check) caller(r *http.Request) (caller, error) {
	byAddress := caller{client: c.limiter.prefixes.Client(c.state.address)}
	if c.policy.keyFunc != nil {
		text, err := c.policy.keyFunc(r)
		if errors.Is(err, ErrNoLimit) {
			return byAddress, ErrNoLimit
		}
		if err != nil {
			return byAddress, askFunction("KeyFunc", err)
		}
		if text == ByAddress {
			return byAddress, nil
		}
		c.state.setKeyText(text)
		return caller{client: keyClient(text)}, nil
	}
	if c.policy.byCredential {
		header := c.limiter.credentialHeader
		if client := credentialClient(header, strings.Join(r.Header[header], ", ")); client != "" {
			return caller{client, true}, nil
		}
	}
	return byAddress, nil
}

func (c *check) limits(r *http.Request) (Limits, error) {
	if !c.policy.own.IsZero() {
		return c.policy.own, nil
	}
	if plan := c.limiter.plan; plan.call != nil {
		if limits, err := plan.limits(r); err != nil || !limits.IsZero() {
			return limits, err
		}
	}
	return c.limiter.policies.limits, nil
}

func (c *check) roundTrip(r *http.Request, who caller, limits Limits, cost int64) (roundTrip, error) {
	trip := roundTrip{cost: cost, calls: c.calls[:0], commands: c.commands[:0]}
	if err := c.addCall(&trip, who.client, c.policy.name, c.policy.name, limits); err != nil {
		return trip, err
	}
	c.key = trip.calls[0].key
	counted := who.client
	if who.isCredential {
		// The credential is not verified, and a client can make up any number of them. So the
		// address is limited as well.
		counted = c.limiter.prefixes.Client(c.state.address)
		ofAddress, err := c.addressLimits(limits)
		if err != nil {
			return trip, err
		}
		if err := c.addCall(&trip, counted, c.policy.name+":"+unverified, c.policy.name+"-"+unverified, ofAddress); err != nil {
			return trip, err
		}
	}
	c.addOthers(r, &trip, counted)
	return trip, nil
}

func (c *check) addCall(trip *roundTrip, client, suffix, name string, limits Limits) error {
	key := c.limiter.keys.key(client, suffix)
	asked := c.policy.charging.command(key, limits, trip.cost)
	trip.calls = append(trip.calls, limitCall{asked, key, limits, name})
	trip.commands = append(trip.commands, asked)
	return c.state.counted.claimLimit(key)
}

func (c *check) addressLimits(limits Limits) (Limits, error) {
	if given := c.limiter.addressLimits; c.policy.own.IsZero() && !given.IsZero() {
		return given, nil
	}
	return limits.forAddress()
}

// addOthers adds LW.BURST for a client, unless another middleware has counted it, and LW.CHECK.
func (c *check) addOthers(r *http.Request, trip *roundTrip, client string) {
	if burst := c.limiter.burst; burst.threshold > 0 {
		key := c.limiter.keys.key(client, burstPolicy)
		if c.state.counted.claim(key) {
			method, _ := pattern.MethodArgument(r.Method)
			ip := c.state.addressText()
			trip.burst = true
			trip.commands = append(trip.commands, burstCommand(key, burst.threshold, burst.window, BurstArgs{
				Cooldown: burst.cooldown,
				IP:       ip,
				Endpoint: c.path,
				Method:   method,
				Agent:    shortened(strings.Join(r.Header["User-Agent"], ", ")),
			}))
		}
	}
	if guard := c.limiter.guard; guard != nil {
		if asked, ok := guard.check(c.state); ok {
			c.guarded, trip.check = true, true
			trip.commands = append(trip.commands, asked)
		}
	}
}

// withoutLimit counts the burst of the address and asks the guard, and counts no limit.
func (c *check) withoutLimit(r *http.Request) decision {
	client := c.limiter.prefixes.Client(c.state.address)
	c.key = c.limiter.keys.key(client, c.policy.name)
	var trip roundTrip
	c.addOthers(r, &trip, client)
	if len(trip.commands) == 0 {
		return decision{}
	}
	replies, err := c.limiter.client.pipeline(context.WithoutCancel(r.Context()), trip.commands)
	if err != nil {
		c.state.fail(reasonOf(err))
		if trip.burst {
			c.logBurst(err)
		}
		if trip.check {
			c.limiter.guard.logFailure(err)
		}
		return decision{}
	}
	if trip.burst {
		if errors.Is(replies[0].err, ErrUnavailable) {
			c.state.fail(reasonOf(replies[0].err))
		}
		c.readBurst(replies[0])
	}
	reply, err := c.judgeGuard(r, &trip, replies)
	return decision{reply: reply, err: err}
}
