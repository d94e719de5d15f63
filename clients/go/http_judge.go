package lockwatch

import (
	"errors"
	"net/http"
	"time"
)

// judge decides, now that Redis has answered.
func (c *check) judge(r *http.Request, trip *roundTrip, replies []reply) decision {
	if trip.burst {
		c.readBurst(replies[len(trip.calls)])
	}
	binding, failure := c.readLimits(trip, replies)
	guarded, err := c.judgeGuard(r, trip, replies)
	if err != nil {
		return decision{err: err}
	}
	if failure != nil {
		found := c.failed(r, trip, failure)
		if guarded != nil && found.err == nil {
			found = decision{reply: guarded}
		}
		return found
	}
	headers := c.limiter.formats.headersOf(binding.result, binding.name)
	c.state.setHeaders(headers)
	c.decided(r, outcomeOf(binding.result, c.policy.mode.shadow), "")
	if guarded != nil {
		// The wait is that of the guard.
		return decision{headers: headers, reply: guarded}
	}
	if binding.result.Allowed || c.policy.mode.shadow {
		return decision{headers: headers}
	}
	return c.limiter.responses.denied(r, binding.result, binding.name, headers)
}

// responses are those of a middleware or a route limit itself.
type responses struct {
	onDenied OnDenied
	bodies   *errorBodies
}

// denied is the response to a request that a limit denies, with the headers of the limit.
func (a responses) denied(r *http.Request, result *RateLimitResult, name string, headers []header) decision {
	if retry, ok := retryHeader(result); ok {
		headers = append(headers[:len(headers):len(headers)], retry)
	}
	if a.onDenied != nil {
		given, err := a.onDenied(r, result).checked("OnDenied")
		if given != nil || err != nil {
			return decision{headers: headers, reply: given, err: err}
		}
	}
	reply, err := a.bodies.reply(r, exceeded(result, name))
	return decision{headers: headers, reply: reply, err: err}
}

// readLimits returns the limit that binds, or the error in place of one.
func (c *check) readLimits(trip *roundTrip, replies []reply) (askedLimit, error) {
	asked := make([]askedLimit, len(trip.calls))
	for i, call := range trip.calls {
		if replies[i].err != nil {
			return askedLimit{}, replies[i].err
		}
		result, err := readRateLimit(replies[i].value, call.limits, c.policy.charging.withTime())
		if err != nil {
			return askedLimit{}, err
		}
		asked[i] = askedLimit{call.key, call.name, call.limits, result}
	}
	c.state.charge.add(c.limiter.client, c.policy.charging, c.policy.charging.corrections(asked, trip.cost))
	c.limiter.client.failures.limitAnswered()
	c.policy.mode.local.answered()
	binding := asked[0]
	for _, each := range asked[1:] {
		// Every limit has to admit the request, so the longest wait binds.
		if isLonger(each.result.RetryAfter, binding.result.RetryAfter) {
			binding = each
		}
	}
	c.state.setLimit(binding.result)
	if !binding.result.Allowed {
		c.state.deny(denialData(binding.result, binding.name, binding.key, c.policy.mode.shadow), c.policy.mode.shadow)
	}
	return binding, nil
}

// judgeGuard returns the response to a request that the guard stops.
func (c *check) judgeGuard(r *http.Request, trip *roundTrip, replies []reply) (*Reply, error) {
	if !trip.check {
		return nil, nil
	}
	refused, err := c.limiter.guard.judge(r, c.state, replies[len(replies)-1], c.policy.mode.shadow)
	if refused != nil {
		c.limiter.client.decided(r.Context(), Event{Outcome: Denied, Policy: guardPolicy, Route: c.policy.route})
	}
	return refused, err
}

// outcomeOf is what an answer of Redis decided.
func outcomeOf(result *RateLimitResult, shadow bool) Outcome {
	switch {
	case result.Allowed:
		return Allowed
	case shadow:
		return Shadow
	default:
		return Denied
	}
}

func (c *check) decided(r *http.Request, outcome Outcome, reason string) {
	c.limiter.client.decided(r.Context(), Event{Outcome: outcome, Policy: c.policy.name, Route: c.policy.route, Reason: reason})
}

// failed decides about a request without an answer of Redis.
func (c *check) failed(r *http.Request, trip *roundTrip, err error) decision {
	reason := reasonOf(err)
	c.state.fail(reason)
	calls := make([]localCall, len(trip.calls))
	for i, call := range trip.calls {
		calls[i] = localCall{call.key, call.name, call.limits}
	}
	c.limiter.client.logLimitFailure(err, c.policy.mode)
	return c.unanswered(r, calls, trip.cost, reason)
}

// functionFailed is failed for a function of the application, which may use another Redis. Whom the
// request counts for, what it costs or its limits are not known, so the address counts.
func (c *check) functionFailed(r *http.Request, failure *awayError) decision {
	reason := reasonOf(failure)
	c.state.fail(reason)
	c.limiter.client.failures.log("function: "+failure.cause.Code, c.policy.mode.consequence()+": "+failure.Error())
	limits := c.policy.own
	if limits.IsZero() {
		limits = c.limiter.policies.limits
	}
	key := c.limiter.keys.key(c.limiter.prefixes.Client(c.state.address), c.policy.name)
	return c.unanswered(r, []localCall{{key, c.policy.name, limits}}, 1, reason)
}

// unanswered applies OnRedisFailure.
func (c *check) unanswered(r *http.Request, calls []localCall, cost int64, reason string) decision {
	outcome, denial := c.policy.mode.unanswered(c.limiter.client, calls, cost, reason)
	c.decided(r, outcome, reason)
	if outcome == FailedClosed {
		reply, err := c.limiter.responses.bodies.reply(r, serviceUnavailable(c.policy.name))
		return decision{reply: reply, err: err}
	}
	if denial == nil {
		return decision{}
	}
	c.state.deny(denialData(denial.result, denial.name, denial.key, false), false)
	return c.limiter.responses.denied(r, denial.result, denial.name, nil)
}

// unanswered decides by OnRedisFailure. The denial is one of the limiter in this process.
func (m mode) unanswered(client *Client, calls []localCall, cost int64, reason string) (Outcome, *askedLimit) {
	if m.denies() {
		return FailedClosed, nil
	}
	if !m.isLocal() {
		if reason == reasonBypassed {
			return Bypassed, nil
		}
		return FailedOpen, nil
	}
	for i := range calls {
		limits, known := m.local.limitsFor(calls[i].limits)
		if !known {
			client.noticeError("local @"+calls[i].limits.Policy(), "requests under the limits '@"+calls[i].limits.Policy()+
				"' are answered 503 while Redis is away, because they are not known here: give LocalLimits, like '100/minute'")
			return FailedClosed, nil
		}
		calls[i].limits = limits
	}
	found := m.local.allow(calls, cost, time.Now())
	if found == nil {
		return Local, nil
	}
	call := found.call
	result := &RateLimitResult{Limit: found.limit.Limit, RetryAfter: found.wait, Limits: call.limits}
	return LocalDenied, &askedLimit{call.key, call.name, call.limits, result}
}

// consequence is what happens to requests, for the log.
func (m mode) consequence() string {
	switch {
	case m.denies():
		return "requests are answered 503"
	case m.isLocal():
		return "requests are limited in this process"
	default:
		return "requests are let through without a limit"
	}
}

// logLimitFailure logs that a limit was not decided by Redis.
func (c *Client) logLimitFailure(err error, m mode) {
	if errors.Is(err, ErrNoPolicy) {
		c.noticeError("policy: "+err.Error(), "a limit is not enforced, because the server does not have its policy: "+
			messageOf(err)+": set it with LW.POLICY SET")
	}
	c.failures.limitFailed(codeOf(err), err, !m.denies())
}

// noticeError logs an error of the configuration once in this process.
func (c *Client) noticeError(kind, message string) {
	sayOnce(kind, func() { c.options.Logger.Error(message) })
}

// readBurst logs a failure of LW.BURST: the limit still decides.
func (c *check) readBurst(answer reply) {
	err := answer.err
	var found *BurstResult
	if err == nil {
		found, err = readBurst(answer.value)
	}
	if err != nil {
		c.logBurst(err)
		return
	}
	c.state.setBurst(found)
}

func (c *check) logBurst(err error) {
	failures := c.limiter.client.failures
	failures.log("burst: "+codeOf(err), "bursts are not counted: "+failures.named(err))
}
