package lockwatch

import (
	"context"
	"strings"
	"time"
)

// Verdict is what a guard decides.
type Verdict string

// The verdicts.
const (
	// Pass: the client may go on.
	Pass Verdict = "allow"
	// Challenge: it may go on once it has passed a challenge.
	Challenge Verdict = "challenge"
	// Deny: it may not go on.
	Deny Verdict = "deny"
)

// verdicts are in the order of their numbers in replies.
var verdicts = []Verdict{Pass, Challenge, Deny}

// GuardResult is what a guard answers.
type GuardResult struct {
	Verdict Verdict
	// RetryAfter is how long the client stays denied. 0 unless it is denied.
	RetryAfter time.Duration
	// Rule is the rule that decided; "operator" for a ban by an operator; empty if all is well.
	Rule string
	// Strikes is the number of earlier bans that made this one longer.
	Strikes int64
	// Would is what the verdict would be if the rules that only observe were enforced.
	Would Verdict
	// Alerted says that this call raised an alert.
	Alerted bool
	// Failure is why Redis did not answer ("timeout", "connection"), so that nothing was judged.
	Failure string
}

// RetryAfterSeconds returns whole seconds, at least one; false unless the client is denied.
func (r *GuardResult) RetryAfterSeconds() (int64, bool) {
	if r.Verdict != Deny {
		return 0, false
	}
	return retrySeconds(r.RetryAfter)
}

// unanswered is the result of a call that goes on although Redis did not answer.
func unanswered(err error) *GuardResult {
	return &GuardResult{Verdict: Pass, Would: Pass, Failure: strings.ToLower(codeOf(err))}
}

// Subject is whom or what a call to a guard concerns. Empty fields are not given.
type Subject struct {
	// IP is an address; for bans also a network, like "203.0.113.0/24".
	IP string
	// User is a name. It is sent in one spelling (NFKC, trimmed, case-folded) unless UserAsGiven.
	User string
	// UserAsGiven sends the name as it is.
	UserAsGiven bool
	// Key is the subject of rules of the scope "key".
	Key string
	// Hash stands for a user or a key, as Bans and Why show it: 16 hexadecimal digits.
	Hash string
}

// AttemptArgs say who tries to log in. At least one of IP and User is needed.
type AttemptArgs struct {
	IP, User    string
	UserAsGiven bool
	// Device is what the cookie of the device holds.
	Device string
	// Value is a short keyed digest of the password.
	Value string
	// Solved says that the client has passed a challenge.
	Solved bool
}

// Attempt judges a login before its password is checked, and charges the rules that count attempts
// (LW.ATTEMPT). Guard does this around a login, with its outcome.
func (c *Client) Attempt(ctx context.Context, guard string, args AttemptArgs) (*GuardResult, error) {
	return readGuard(c.execute(ctx, attemptCommand(guard, args)))
}

func attemptCommand(guard string, args AttemptArgs) command {
	return newCommand("LW.ATTEMPT", guard).
		with("IP", args.IP).with("USER", userArgument(args.User, args.UserAsGiven)).
		with("DEVICE", args.Device).with("VALUE", args.Value).flag("SOLVED", args.Solved)
}

// EventArgs say whom an event concerns.
type EventArgs struct {
	IP, User    string
	UserAsGiven bool
	// Key is the subject of rules of the scope "key".
	Key string
	// Value is what rules that count distinct values count.
	Value  string
	Device string
}

// Event reports what happened to a guard, and returns what holds for the client from now on
// (LW.EVENT). Of a login kind is success, password, failure, unknown, mfa or reset. Other kinds are
// the application's own: 404, scraped. It is never sent twice, since a second event would count.
func (c *Client) Event(ctx context.Context, guard, kind string, args EventArgs) (*GuardResult, error) {
	return readGuard(c.execute(ctx, eventCommand(guard, kind, args)))
}

func eventCommand(guard, kind string, args EventArgs) command {
	return newCommand("LW.EVENT", guard, kind).
		with("IP", args.IP).with("USER", userArgument(args.User, args.UserAsGiven)).
		with("KEY", args.Key).with("VALUE", args.Value).with("DEVICE", args.Device)
}

// CheckArgs say whom a check concerns.
type CheckArgs struct {
	IP, User    string
	UserAsGiven bool
	Key, Device string
}

// Check returns what holds for a client at present, and counts nothing (LW.CHECK).
func (c *Client) Check(ctx context.Context, guard string, args CheckArgs) (*GuardResult, error) {
	return readGuard(c.execute(ctx, checkCommand(guard, args)))
}

func checkCommand(guard string, args CheckArgs) command {
	return newCommand("LW.CHECK", guard).
		with("IP", args.IP).with("USER", userArgument(args.User, args.UserAsGiven)).
		with("KEY", args.Key).with("DEVICE", args.Device)
}

// readGuard reads the six values that a guard answers.
func readGuard(value any, err error) (*GuardResult, error) {
	if err != nil {
		return nil, err
	}
	found := tupleOf(value, "verdict", "retry_after", "rule", "strikes", "would", "alerted")
	result := &GuardResult{
		Verdict:    found.verdict("verdict"),
		RetryAfter: found.duration("retry_after"),
		Rule:       found.optional("rule"),
		Strikes:    found.integer("strikes"),
		Would:      found.verdict("would"),
		Alerted:    found.flag("alerted"),
	}
	return result, found.err()
}

// verdict is the number of a verdict.
func (f *fields) verdict(name string) Verdict {
	number := f.integer(name)
	if number < 0 || number >= int64(len(verdicts)) {
		f.wrong = true
		return Pass
	}
	return verdicts[number]
}
