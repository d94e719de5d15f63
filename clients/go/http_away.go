package lockwatch

import (
	"errors"
	"time"
)

// localCall is a limit that this process decides.
type localCall struct {
	key, name string
	limits    Limits
}

// unanswered decides by OnRedisFailure, and logs the failure. The denial is one of the limiter in
// this process.
func (m mode) unanswered(client *Client, calls []localCall, cost int64, failure error) (Outcome, *askedLimit) {
	decision := m.decision(client, calls)
	client.logUnanswered(failure, decision)
	switch decision {
	case FailDeny:
		return FailedClosed, nil
	case FailLocal:
		if denial := m.askLocally(client, calls, cost); denial != nil {
			return LocalDenied, denial
		}
		return Local, nil
	}
	if reasonOf(failure) == reasonBypassed {
		return Bypassed, nil
	}
	return FailedOpen, nil
}

// decision is what happens to a request. The calls get the limits that are known here.
func (m mode) decision(client *Client, calls []localCall) FailureMode {
	if m.shadow {
		return FailAllow
	}
	if m.onFailure != FailLocal {
		return m.onFailure
	}
	for i := range calls {
		limits, known := m.local.limitsFor(calls[i].limits)
		if !known {
			client.noticeError("local: "+calls[i].name, "while Redis is away requests are answered 503 although OnRedisFailure "+
				"is local: this process does not know the numbers of the limit '"+calls[i].name+"': give LocalLimits, like "+
				"'5/minute'")
			return FailDeny
		}
		calls[i].limits = limits
	}
	return FailLocal
}

// askLocally returns the denial with the longest wait. Each limit counts by itself, as in Redis.
func (m mode) askLocally(client *Client, calls []localCall, cost int64) *askedLimit {
	var longest *askedLimit
	for _, call := range calls {
		result := client.local.admit(call.key, call.limits, m.local, cost, time.Now())
		if !result.Allowed && (longest == nil || isLonger(result.RetryAfter, longest.result.RetryAfter)) {
			longest = &askedLimit{call.key, call.name, result.Limits, result}
		}
	}
	return longest
}

// isLonger compares waits, of which Never is the longest.
func isLonger(wait, than time.Duration) bool { return than != Never && (wait == Never || wait > than) }

// logUnanswered logs that a limit was not decided by Redis.
func (c *Client) logUnanswered(failure error, decision FailureMode) {
	var ofFunction *awayError
	if errors.As(failure, &ofFunction) {
		// The function may use another Redis.
		c.failures.log("function: "+ofFunction.cause.Code, consequences[decision]+": "+ofFunction.Error())
		return
	}
	if errors.Is(failure, ErrNoPolicy) {
		c.noticeError("policy: "+failure.Error(), "a limit is not enforced, because the server does not have its policy: "+
			messageOf(failure)+": set it with LW.POLICY SET")
	}
	c.failures.limitFailed(codeOf(failure), failure, decision)
}

// noticeError logs an error of the configuration once in this process.
func (c *Client) noticeError(kind, message string) {
	sayOnce(kind, func() { c.options.Logger.Error(message) })
}
