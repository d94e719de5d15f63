package lockwatch

import (
	"fmt"
	"time"
)

// kind is what errors.Is compares. Its parent is a wider kind.
type kind struct {
	name   string
	parent error
}

func (k *kind) Error() string { return "lockwatch: " + k.name }
func (k *kind) Unwrap() error { return k.parent }

// What an error of this package is, for errors.Is.
var (
	// ErrConfiguration: an option has a value that cannot work.
	ErrConfiguration error = &kind{name: "configuration error"}
	// ErrNoRule is LWNORULE: the server has no rules for a guard of this name. It is an
	// ErrConfiguration, so no setting for a Redis that is away hides it.
	ErrNoRule error = &kind{name: "no rules for this guard", parent: ErrConfiguration}
	// ErrCommand: Redis refused a malformed call (ERR), or a key of another type (WRONGTYPE).
	ErrCommand error = &kind{name: "Redis refused the command"}
	// ErrUnavailable: Redis did not execute the command, and the call is not at fault. Redis is
	// away, slow, loading, read-only, out of memory, busy, refuses the user, or lacks the module.
	ErrUnavailable error = &kind{name: "Redis is unavailable"}
	// ErrModuleMissing: the server does not know the command, or answers it in another way. It is
	// an ErrUnavailable.
	ErrModuleMissing error = &kind{name: "the server lacks the module", parent: ErrUnavailable}
	// ErrFull is LWFULL: the queue of audit events or alerts is full, or a key has its most leases.
	ErrFull error = &kind{name: "full"}
	// ErrNoPolicy is LWNOPOLICY: the server has no policy of this name.
	ErrNoPolicy error = &kind{name: "no policy of this name"}
	// ErrNoKey is LWNOKEY: the server has no key to sign tokens with, and may not generate one.
	ErrNoKey error = &kind{name: "no key to sign with"}
	// ErrConflict is LWCONFLICT: the refresh token was rotated a moment ago with other claims, and
	// nothing was changed. Rotate without claims returns the tokens of that rotation.
	ErrConflict error = &kind{name: "rotated with other claims"}
	// ErrToken: the token is not accepted. Answer 401, and do not tell the client why.
	ErrToken error = &kind{name: "token not accepted"}
	// ErrTokenInvalid is LWINVALID: the token is malformed, has a bad signature, or has another
	// issuer or audience.
	ErrTokenInvalid error = &kind{name: "token invalid", parent: ErrToken}
	// ErrTokenExpired is LWEXPIRED.
	ErrTokenExpired error = &kind{name: "token expired", parent: ErrToken}
	// ErrTokenRevoked is LWREVOKED: the session has ended or is unknown.
	ErrTokenRevoked error = &kind{name: "token revoked", parent: ErrToken}
	// ErrTokenReused is LWREUSED: a refresh token was used a second time, and its session has
	// ended.
	ErrTokenReused error = &kind{name: "token reused", parent: ErrToken}
	// ErrDenied: a limit has no room at present. The error is a *DeniedError.
	ErrDenied error = &kind{name: "denied"}
	// ErrLeaseDenied: all units of a limit are held by leases. RetryAfter is an upper bound then,
	// because a lease that is released ends before.
	ErrLeaseDenied error = &kind{name: "lease denied", parent: ErrDenied}
	// ErrBudgetExceeded: a limit of a TokenBudget has no room for a reservation.
	ErrBudgetExceeded error = &kind{name: "budget exceeded", parent: ErrDenied}
	// ErrAttemptDenied: a guard denies a login, or demands a challenge that was not passed.
	ErrAttemptDenied error = &kind{name: "attempt denied", parent: ErrDenied}
)

// Never is a time to retry after that does not come: waiting does not help.
const Never time.Duration = -1

// Error is an error of Redis or of a call. Use errors.Is with the Err… variables to tell which.
type Error struct {
	// Code is the first word of the error that Redis answered (LWEXPIRED, WRONGTYPE). Without an
	// answer it is TIMEOUT, CONNECTION, BYPASSED, CANCELED, MODULE_MISSING or CONFIGURATION.
	Code string
	// Message has no key of a caller, no token and no password.
	Message string
	// Server is the host and port that the message names; empty if it names none.
	Server string

	kind  error
	cause error
}

// Error returns the message behind the name of this package.
func (e *Error) Error() string { return "lockwatch: " + e.Message }

// Unwrap makes errors.Is find the kind of the error, and what caused it.
func (e *Error) Unwrap() []error {
	if e.cause == nil {
		return []error{e.kind}
	}
	return []error{e.kind, e.cause}
}

// DeniedError says that a limit has no room at present.
type DeniedError struct {
	// RetryAfter is the time after which to try again; Never if waiting does not help.
	RetryAfter time.Duration
	// Guard is what the guard answered, if a guard denied.
	Guard *GuardResult

	kind    error
	message string
	// reply is the response that a function of the application returned, and body the error in the
	// body of a response of this package.
	reply *Reply
	body  string
}

// Error returns the message behind the name of this package.
func (e *DeniedError) Error() string { return "lockwatch: " + e.message }

// Unwrap makes errors.Is find what denied.
func (e *DeniedError) Unwrap() error { return e.kind }

// RetryAfterSeconds returns whole seconds, at least one, for a header; false if waiting does not
// help.
func (e *DeniedError) RetryAfterSeconds() (int64, bool) { return retrySeconds(e.RetryAfter) }

func retrySeconds(wait time.Duration) (int64, bool) {
	if wait == Never {
		return 0, false
	}
	return max(1, secondsRoundedUp(wait)), true
}

func configurationError(format string, args ...any) *Error {
	return &Error{Code: "CONFIGURATION", Message: fmt.Sprintf(format, args...), kind: ErrConfiguration}
}

func unavailable(code, message, server string) *Error {
	return &Error{Code: code, Message: message, Server: server, kind: ErrUnavailable}
}

func moduleMissing(answer, server string) *Error {
	at := ""
	if server != "" {
		at = " at " + server
	}
	return &Error{
		Code: "MODULE_MISSING",
		Message: "the Redis server" + at + " does not know a lockwatch command (" + answer +
			"): load liblockwatch.so there (loadmodule), of this client's version or later",
		Server: server,
		kind:   ErrModuleMissing,
	}
}

// strangeReply is the error for a reply of an unknown shape. A proxy, another module, or a version
// that this client does not know has answered.
func strangeReply() *Error {
	return moduleMissing("it answered in a way that this client does not know", "")
}
