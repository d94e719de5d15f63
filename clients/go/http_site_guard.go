package lockwatch

import (
	"errors"
	"net/http"
	"strconv"
)

// siteGuard is the guard of a middleware: it is asked with the limits, and told about responses of
// the application that failed.
type siteGuard struct {
	key       string
	challenge ChallengeMode
	decide    ChallengeFunc
	client    *Client
	bodies    *errorBodies
}

func newSiteGuard(client *Client, o *MiddlewareOptions, bodies *errorBodies) (*siteGuard, error) {
	if o.Guard == "" {
		if o.Challenge != "" || o.ChallengeFunc != nil {
			return nil, configurationError("Challenge is given without Guard: give Guard: \"site\" too, the key of a guard")
		}
		return nil, nil
	}
	switch o.Challenge {
	case "", ChallengeAllow, ChallengeDeny:
	default:
		return nil, configurationError("Challenge is %s: expected allow or deny", shown(string(o.Challenge)))
	}
	return &siteGuard{o.Guard, o.Challenge, o.ChallengeFunc, client, bodies}, nil
}

// check is LW.CHECK; false if a middleware has asked this guard about the request already, and for
// a client that has neither an address nor a name.
func (g *siteGuard) check(state *State) (command, bool) {
	ip, user := state.caller()
	if ip == "" && user == "" || !state.counted.claim("guard "+g.key) {
		return command{}, false
	}
	return checkCommand(g.key, CheckArgs{IP: ip, User: user}), true
}

// judge returns the response to a request that ends here, or nil. Without an answer, and after any
// error but LWNORULE, the request goes on.
func (g *siteGuard) judge(r *http.Request, state *State, answer reply, shadow bool) (*Reply, error) {
	result, err := readGuard(answer.value, answer.err)
	if errors.Is(err, ErrConfiguration) {
		return nil, err
	}
	if err != nil {
		g.logFailure(err)
		return nil, nil
	}
	state.mu.Lock()
	state.guard = result
	state.mu.Unlock()
	if shadow || result.Verdict == Pass {
		return nil, nil
	}
	refused, err := g.refuse(r, result)
	if refused == nil || err != nil {
		return nil, err
	}
	data := guardDenial{Guard: validText(g.key), RetryAfter: retryOf(result)}
	if result.Rule != "" {
		data.Rule = &result.Rule
	}
	state.block(compactJSON(data))
	return refused, nil
}

func (g *siteGuard) logFailure(err error) {
	g.client.failures.log("check: "+codeOf(err), "a guard is not asked: "+g.client.failures.named(err))
}

// refuse returns nil for a request that may go on.
func (g *siteGuard) refuse(r *http.Request, result *GuardResult) (*Reply, error) {
	if result.Verdict == Deny || (g.decide == nil && g.challenge == ChallengeDeny) {
		return g.bodies.reply(r, blocked(retryOf(result)))
	}
	if g.decide == nil {
		return nil, nil
	}
	passed, given, err := g.decide(r, result)
	var failed *awayError
	if err = askFunction("ChallengeFunc", err); errors.As(err, &failed) {
		g.client.failures.log("challenge: "+failed.cause.Code, "requests go on unchallenged: "+failed.Error())
		return nil, nil
	}
	if err != nil || passed {
		return nil, err
	}
	if given != nil {
		return given.checked("ChallengeFunc")
	}
	return g.bodies.reply(r, challengeRequired())
}

// retryOf is nil unless the guard denies.
func retryOf(result *GuardResult) *int64 {
	if result.Verdict != Deny {
		return nil
	}
	return secondsOf(result.RetryAfter)
}

// report tells the guard about a failed response of the application. Responses of this package are
// none, and neither is a client that has left.
func (g *siteGuard) report(state *State, status int, path string) {
	if status < statusFailed || status == statusClientGone || state.isOwnResponse() || state.Failure() == reasonBypassed {
		return
	}
	ip, user := state.caller()
	g.client.outcomes.record(eventCommand(g.key, strconv.Itoa(status), EventArgs{IP: ip, User: user, Value: path}))
}
