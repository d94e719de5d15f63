package lockwatch

import (
	"net/http"
	"sync"
)

// Trial is who tries to log in. At least one of IP and User is needed.
type Trial struct {
	IP, User string
	// Device is what the cookie of the device holds.
	Device string
	// Password is never sent. With GuardOptions.PasswordDigestKey a short keyed digest of it is.
	Password string
}

// Attempt is a login that a guard lets go on, while its password is checked.
//
// Say one of Failed, Unknown, Succeeded, PasswordOK and MFAFailed. They never wait: a queue sends
// the outcome. If nothing is said, nothing is sent, and the attempt stays charged as one without an
// outcome. That is right after an error or a panic.
type Attempt struct {
	guard  *Guard
	key    string
	args   AttemptArgs
	result *GuardResult

	mu      sync.Mutex
	device  string
	outcome string
	isFinal bool
}

// Result returns what the guard answered.
func (a *Attempt) Result() *GuardResult { return a.result }

// Outcome returns the last outcome that was said: "success", "password", "failure", "unknown" or
// "mfa"; empty before.
func (a *Attempt) Outcome() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.outcome
}

// Failed says that the password is wrong.
func (a *Attempt) Failed() { a.say("failure") }

// Unknown says that there is no such user. Answer as if the password were wrong.
func (a *Attempt) Unknown() { a.say("unknown") }

// PasswordOK says that the password is right, and that another factor is still to come.
func (a *Attempt) PasswordOK() { a.say("password") }

// MFAFailed says that another factor than the password is wrong.
func (a *Attempt) MFAFailed() { a.say("mfa") }

// Succeeded says that the login is complete, with every factor. It empties the counts of this user
// and address, and makes the network and the device known to the user. The cookie of a new device
// is set on w, unless w is nil.
func (a *Attempt) Succeeded(w http.ResponseWriter) {
	if w != nil {
		if cookie := a.renewDevice(); cookie != nil {
			http.SetCookie(w, cookie)
		}
	}
	a.say("success")
}

// renewDevice replaces the device by a new one, and returns its cookie; nil if the guard has none.
func (a *Attempt) renewDevice() *http.Cookie {
	if a.guard.cookie.Off {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.device = newDevice()
	return a.guard.cookie.cookie(a.device)
}

func (a *Attempt) say(kind string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.isFinal {
		a.guard.client.failures.log("outcome twice", "the outcome of a login was said twice, and the second one is "+
			"dropped: first "+a.outcome+", then "+kind)
		return
	}
	isFailure := kind == "failure" || kind == "unknown"
	a.isFinal, a.outcome = isFailure || kind == "success", kind
	args := EventArgs{IP: a.args.IP, User: a.args.User, UserAsGiven: a.args.UserAsGiven, Device: a.device}
	if isFailure {
		// Only these say which password was tried.
		args.Value = a.args.Value
	}
	a.guard.client.outcomes.record(eventCommand(a.key, kind, args))
}
