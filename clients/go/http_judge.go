package lockwatch

import "net/http"

// judge decides, now that Redis has answered.
func (c *check) judge(r *http.Request, trip *roundTrip, replies []reply) decision {
	if trip.burst {
		c.readBurst(replies[len(trip.calls)])
	}
	found, err := c.readLimits(r, trip, replies)
	if err != nil {
		found = c.failed(r, trip, err)
	}
	guarded, err := c.judgeGuard(r, trip, replies)
	if err != nil {
		return decision{err: err}
	}
	if guarded != nil {
		// The wait is that of the guard.
		return decision{headers: found.headers, reply: guarded}
	}
	return c.limiter.responses.answer(r, found, c.policy.name)
}

// verdict is what a limit decided.
type verdict struct {
	// denial is nil unless a limit denies.
	denial *askedLimit
	// unavailable says that the request is answered 503.
	unavailable bool
	headers     []header
}

// responses are those of a middleware or a route limit itself.
type responses struct {
	onDenied OnDenied
	bodies   *errorBodies
}

// answer is the decision after the verdict of a limit.
func (a responses) answer(r *http.Request, found verdict, policy string) decision {
	switch {
	case found.unavailable:
		reply, err := a.bodies.reply(r, serviceUnavailable(policy))
		return decision{reply: reply, err: err}
	case found.denial == nil:
		return decision{headers: found.headers}
	}
	headers := found.headers
	if retry, ok := retryHeader(found.denial.result); ok {
		headers = append(headers[:len(headers):len(headers)], retry)
	}
	if a.onDenied != nil {
		given, err := a.onDenied(r, found.denial.result).checked("OnDenied")
		if given != nil || err != nil {
			return decision{headers: headers, reply: given, err: err}
		}
	}
	reply, err := a.bodies.reply(r, exceeded(found.denial.result, found.denial.name))
	return decision{headers: headers, reply: reply, err: err}
}

// readLimits returns what Redis decided, or the error in place of an answer.
func (c *check) readLimits(r *http.Request, trip *roundTrip, replies []reply) (verdict, error) {
	asked := c.asked[:len(trip.calls)]
	for i, call := range trip.calls {
		if replies[i].err != nil {
			return verdict{}, replies[i].err
		}
		result, err := readRateLimit(replies[i].value, call.limits, c.policy.charging.withTime())
		if err != nil {
			return verdict{}, err
		}
		asked[i] = askedLimit{call.key, call.name, call.limits, result}
	}
	c.limiter.client.answered(asked)
	c.state.charge.add(c.limiter.client, c.policy.charging, c.policy.charging.corrections(asked, trip.cost))
	binding := &asked[0]
	for i := range asked[1:] {
		// Every limit has to admit the request, so the longest wait binds.
		if each := &asked[i+1]; isLonger(each.result.RetryAfter, binding.result.RetryAfter) {
			binding = each
		}
	}
	shadow := c.policy.mode.shadow
	known := announced{}
	if binding == &asked[0] {
		known = c.policy.announced
	}
	found := binding.verdict(c.limiter.formats, known, shadow)
	c.state.judge(binding, found.headers, shadow)
	c.decided(r, outcomeOf(binding.result, shadow), "")
	return found, nil
}

// answered says that Redis has decided about limits.
func (c *Client) answered(asked []askedLimit) {
	c.failures.limitAnswered()
	for _, each := range asked {
		c.local.answered(each.key)
	}
}

// verdict is that of an answer of Redis. In shadow mode a denied request goes on.
func (a *askedLimit) verdict(formats headerFormats, known announced, shadow bool) verdict {
	found := verdict{headers: formats.headersOf(a.result, a.name, known)}
	if !a.result.Allowed && !shadow {
		found.denial = a
	}
	return found
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
func (c *check) failed(r *http.Request, trip *roundTrip, err error) verdict {
	calls := make([]localCall, len(trip.calls))
	for i, call := range trip.calls {
		calls[i] = localCall{call.key, call.name, call.limits}
	}
	return c.unanswered(r, calls, trip.cost, err)
}

// functionFailed is failed for a function of the application, which may use another Redis. Whom the
// request counts for is not known, so the address counts.
func (c *check) functionFailed(r *http.Request, failure *awayError) decision {
	limits := c.policy.own
	if limits.IsZero() {
		limits = c.limiter.policies.limits
	}
	key := c.limiter.keys.key(c.limiter.prefixes.Client(c.state.address), c.policy.name)
	calls := []localCall{{key, c.policy.name, limits}}
	return c.limiter.responses.answer(r, c.unanswered(r, calls, c.policy.cost.known(), failure), c.policy.name)
}

func (c *check) unanswered(r *http.Request, calls []localCall, cost int64, err error) verdict {
	reason := reasonOf(err)
	c.state.fail(reason)
	outcome, denial := c.policy.mode.unanswered(c.limiter.client, calls, cost, err)
	c.decided(r, outcome, reason)
	if denial != nil {
		c.state.deny(denial, false)
	}
	return verdict{denial: denial, unavailable: outcome == FailedClosed}
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
