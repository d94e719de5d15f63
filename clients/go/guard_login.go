package lockwatch

import (
	"context"
	"errors"
	"fmt"
	"net/http"
)

// minDigestKey is the shortest key of password digests, in bytes.
const minDigestKey = 16

// GuardOptions are the options of a guard in front of a login.
type GuardOptions struct {
	// Challenge says what to do when a rule demands a challenge. It is required, unless
	// ChallengeFunc is given, which gets the request (nil for Attempt) and the result.
	Challenge     ChallengeMode
	ChallengeFunc ChallengeFunc
	// KeyFunc returns the key of the guard for a request, in place of the given one.
	KeyFunc func(r *http.Request) (string, error)
	// OnRedisFailure is FailDeny, which answers 503, unless FailAllow is given.
	OnRedisFailure FailureMode
	// UserAsGiven sends names as they are. Otherwise they are sent in NFKC, trimmed and
	// case-folded.
	UserAsGiven bool
	// PasswordDigestKey is 16 random bytes or more, the same in every process. With it a keyed
	// digest of the password is sent, so that an application with a stale password does no harm.
	PasswordDigestKey []byte
	DeviceCookie      DeviceCookie
}

// Guard protects a login against guessed and stolen passwords.
//
//	attempt, err := guard.AttemptRequest(r, user, password)
//	if err != nil {
//		guard.Refuse(w, r, err)
//		return
//	}
//	if !passwordIsRight(user, password) {
//		attempt.Failed()
//		…
//	}
//	attempt.Succeeded(w)
type Guard struct {
	client  *Client
	key     string
	options GuardOptions
	cookie  DeviceCookie
	bodies  *errorBodies
}

// NewGuard makes a guard with a key like "login" or "login:{tenant7}".
func NewGuard(client *Client, key string, options GuardOptions) (*Guard, error) {
	if client == nil {
		return nil, configurationError("the client is nil: write NewGuard(client, \"login\", …)")
	}
	if (key == "") == (options.KeyFunc == nil) {
		return nil, configurationError("a guard needs a key like 'login', or KeyFunc and no key")
	}
	if err := options.check(); err != nil {
		return nil, err
	}
	cookie, err := options.DeviceCookie.withDefaults()
	if err != nil {
		return nil, err
	}
	bodies, err := newErrorBodies(nil)
	return &Guard{client, key, options, cookie, bodies}, err
}

func (o *GuardOptions) check() error {
	switch {
	case (o.Challenge == "") == (o.ChallengeFunc == nil):
		return configurationError("a guard needs one of Challenge (ChallengeDeny or ChallengeAllow) and ChallengeFunc")
	case o.Challenge != "" && o.Challenge != ChallengeAllow && o.Challenge != ChallengeDeny:
		return configurationError("Challenge is %s: expected 'deny' or 'allow'", shown(string(o.Challenge)))
	case o.OnRedisFailure != "" && o.OnRedisFailure != FailAllow && o.OnRedisFailure != FailDeny:
		return configurationError("OnRedisFailure of a guard is %s: expected 'deny' or 'allow'", shown(string(o.OnRedisFailure)))
	case len(o.PasswordDigestKey) > 0 && len(o.PasswordDigestKey) < minDigestKey:
		return configurationError("PasswordDigestKey has %d bytes: expected 16 random bytes or more, the same in every process",
			len(o.PasswordDigestKey))
	}
	return nil
}

// Attempt asks the guard before a password is checked. The error is ErrAttemptDenied, a
// *DeniedError, if the guard denies the login, and ErrUnavailable if Redis does not answer, unless
// OnRedisFailure is FailAllow.
func (g *Guard) Attempt(ctx context.Context, trial Trial) (*Attempt, error) {
	if g.options.KeyFunc != nil {
		return nil, configurationError("the guard finds its key by KeyFunc: call AttemptRequest")
	}
	return g.begin(ctx, nil, g.key, trial)
}

// AttemptRequest is Attempt with the client's address as the middleware found it, otherwise the
// peer's, and with the device of the request's cookie. Answer an error by Refuse.
func (g *Guard) AttemptRequest(r *http.Request, user, password string) (*Attempt, error) {
	key, err := g.keyOf(r)
	if err != nil {
		return nil, err
	}
	ip, err := requestIP(r)
	if err != nil {
		return nil, err
	}
	trial := Trial{IP: ip, User: user, Device: g.cookie.read(r), Password: password}
	return g.begin(context.WithoutCancel(r.Context()), r, key, trial)
}

func (g *Guard) keyOf(r *http.Request) (string, error) {
	if g.options.KeyFunc == nil {
		return g.key, nil
	}
	key, err := g.options.KeyFunc(r)
	if err == nil && key == "" {
		err = configurationError("KeyFunc of a guard returned an empty key")
	}
	return key, askFunction("KeyFunc", err)
}

// requestIP is the address of the client; empty for the peer of a Unix socket.
func requestIP(r *http.Request) (string, error) {
	if state := StateOf(r.Context()); state != nil {
		return state.addressText(), nil
	}
	found, err := peerOf(r).Addr()
	if err != nil {
		return "", configurationError("%s", err.Error())
	}
	if !found.IsValid() {
		return "", nil
	}
	return found.String(), nil
}

func (g *Guard) begin(ctx context.Context, r *http.Request, key string, trial Trial) (*Attempt, error) {
	args := AttemptArgs{IP: trial.IP, User: trial.User, UserAsGiven: g.options.UserAsGiven, Device: trial.Device}
	if trial.Password != "" && len(g.options.PasswordDigestKey) > 0 {
		args.Value = passwordDigest(g.options.PasswordDigestKey, trial.Password)
	}
	result, err := g.ask(ctx, key, args)
	if err != nil {
		return nil, err
	}
	if result.Verdict == Challenge {
		if result, err = g.challenge(ctx, r, key, args, result); err != nil {
			return nil, err
		}
	}
	if result.Verdict != Pass {
		return nil, attemptDenied(result, nil, errorBlocked)
	}
	return &Attempt{guard: g, key: key, args: args, result: result, device: args.Device}, nil
}

func (g *Guard) ask(ctx context.Context, key string, args AttemptArgs) (*GuardResult, error) {
	result, err := g.client.Attempt(ctx, key, args)
	if err != nil && errors.Is(err, ErrUnavailable) {
		return g.failed(err, g.client.failures.named(err))
	}
	return result, err
}

// challenge lets the client solve a challenge. Only an attempt that has solved it is charged.
func (g *Guard) challenge(
	ctx context.Context, r *http.Request, key string, args AttemptArgs, result *GuardResult,
) (*GuardResult, error) {
	if g.options.Challenge == ChallengeDeny {
		return nil, attemptDenied(result, nil, errorBlocked)
	}
	if g.options.ChallengeFunc != nil {
		passed, reply, err := g.options.ChallengeFunc(r, result)
		var away *awayError
		if err = askFunction("ChallengeFunc", err); errors.As(err, &away) {
			return g.failed(away.cause, messageOf(away))
		}
		if err != nil {
			return nil, err
		}
		if !passed {
			return nil, attemptDenied(result, reply, errorChallenge)
		}
	}
	args.Solved = true
	return g.ask(ctx, key, args)
}

// failed is what a guard that has no answer does.
func (g *Guard) failed(err error, reason string) (*GuardResult, error) {
	goesOn := g.options.OnRedisFailure == FailAllow
	done := "logins are answered 503"
	if goesOn {
		done = "logins go on without a guard"
	}
	g.client.failures.log("guard: "+codeOf(err), done+": "+reason)
	if goesOn {
		return unanswered(err), nil
	}
	return nil, err
}

// attemptDenied is the error of a login that ends here. body is the error in the body of the
// response.
func attemptDenied(result *GuardResult, reply *Reply, body string) *DeniedError {
	denied := &DeniedError{RetryAfter: Never, Guard: result, kind: ErrAttemptDenied, reply: reply, body: body}
	denied.message = fmt.Sprintf("the guard demands a challenge, which was not passed (rule %s)", result.Rule)
	if result.Verdict == Deny {
		denied.RetryAfter = result.RetryAfter
		denied.message = fmt.Sprintf("the guard denies this attempt (rule %s)", result.Rule)
	}
	return denied
}

// Refuse answers a request whose attempt ended with an error: 429 if the guard denies it, 503 if
// Redis does not answer, otherwise 500.
func (g *Guard) Refuse(w http.ResponseWriter, r *http.Request, err error) {
	if state := StateOf(r.Context()); state != nil {
		state.block(nil)
	}
	reply, err := g.refusal(r, err)
	if err != nil {
		g.client.answerError(w, r, err)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	reply.write(w, nil)
}

func (g *Guard) refusal(r *http.Request, err error) (*Reply, error) {
	var denied *DeniedError
	switch {
	case errors.As(err, &denied) && denied.reply != nil:
		return denied.reply.checked("ChallengeFunc")
	case errors.As(err, &denied) && denied.body == errorChallenge:
		return g.bodies.reply(r, challengeRequired())
	case errors.As(err, &denied):
		return g.bodies.reply(r, blocked(secondsOf(denied.RetryAfter)))
	case errors.Is(err, ErrUnavailable):
		return g.bodies.reply(r, serviceUnavailable(""))
	}
	return nil, err
}

// CheckRequest returns what holds for the client of a request at present, and counts nothing. It
// may go on if Redis does not answer.
func (g *Guard) CheckRequest(r *http.Request, user string) (*GuardResult, error) {
	key, err := g.keyOf(r)
	if err != nil {
		return nil, err
	}
	ip, err := requestIP(r)
	if err != nil {
		return nil, err
	}
	args := CheckArgs{IP: ip, User: user, UserAsGiven: g.options.UserAsGiven, Device: g.cookie.read(r)}
	result, err := g.client.Check(context.WithoutCancel(r.Context()), key, args)
	if err != nil && errors.Is(err, ErrUnavailable) {
		g.client.failures.log("check: "+codeOf(err), "a guard is not asked: "+g.client.failures.named(err))
		return unanswered(err), nil
	}
	return result, err
}

// Event reports what happened to a guard with a fixed key. It never waits, and a failure is only
// logged.
func (g *Guard) Event(kind string, args EventArgs) { g.tell(g.key, kind, args) }

// EventRequest is Event for the client of a request, and for the key that belongs to it.
func (g *Guard) EventRequest(r *http.Request, kind, user string) error {
	key, err := g.keyOf(r)
	if err != nil {
		return err
	}
	ip, err := requestIP(r)
	if err != nil {
		return err
	}
	g.tell(key, kind, EventArgs{IP: ip, User: user, Device: g.cookie.read(r)})
	return nil
}

// Reset says that a user has changed the password. The guard forgets the user's known networks and
// devices, and the counts.
func (g *Guard) Reset(user string) { g.Event("reset", EventArgs{User: user}) }

func (g *Guard) tell(key, kind string, args EventArgs) {
	if key == "" {
		g.client.failures.log("guard: key", "an event is lost to a guard, whose key is found by KeyFunc: call EventRequest")
		return
	}
	args.UserAsGiven = args.UserAsGiven || g.options.UserAsGiven
	g.client.outcomes.record(eventCommand(key, kind, args))
}
