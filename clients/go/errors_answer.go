package lockwatch

import (
	"regexp"
	"strings"
)

var answeredKinds = map[string]error{
	"LWINVALID":  ErrTokenInvalid,
	"LWEXPIRED":  ErrTokenExpired,
	"LWREVOKED":  ErrTokenRevoked,
	"LWREUSED":   ErrTokenReused,
	"LWCONFLICT": ErrConflict,
	"LWFULL":     ErrFull,
	"LWNOKEY":    ErrNoKey,
	"LWNOPOLICY": ErrNoPolicy,
	"LWNORULE":   ErrNoRule,
}

var unavailableCodes = setOf(
	"LWBUSY", "LWUNAVAILABLE",
	"LOADING", "BUSY", "UNKILLABLE", "UNBLOCKED", "READONLY", "OOM", "MISCONF", "NOREPLICAS",
	"CLUSTERDOWN", "TRYAGAIN", "MASTERDOWN", "MOVED", "ASK",
	"NOAUTH", "NOPERM", "WRONGPASS",
)

// The server is a replica, copies a primary, or was a primary and has lost its replicas. UNBLOCKED
// ends commands that were running when a primary became a replica.
var notPrimaryCodes = setOf("READONLY", "MASTERDOWN", "LOADING", "UNBLOCKED", "NOREPLICAS")

func setOf(words ...string) map[string]bool {
	set := make(map[string]bool, len(words))
	for _, word := range words {
		set[word] = true
	}
	return set
}

// answeredError is the error for an error reply.
func answeredError(text, server string) *Error {
	code, message := splitAnswer(text)
	if code == "ERR" && (strings.HasPrefix(message, "unknown command") || strings.HasPrefix(message, "unknown subcommand")) {
		return moduleMissing(message, server)
	}
	if kind, known := answeredKinds[code]; known {
		return &Error{Code: code, Message: message, kind: kind}
	}
	if !unavailableCodes[code] {
		return &Error{Code: code, Message: code + " " + message, kind: ErrCommand}
	}
	told := code + " " + message
	if code == "NOPERM" {
		told += rightToAdd(message)
	}
	if server != "" {
		told += " (Redis at " + server + ")"
	}
	return unavailable(code, told, server)
}

// splitAnswer splits an error reply into its code and its message.
func splitAnswer(text string) (code, message string) {
	first, rest, _ := strings.Cut(text, " ")
	if len(first) > 1 && strings.ToUpper(first) == first {
		return first, rest
	}
	return "ERR", text
}

var (
	// Older versions of Redis write "this user" in place of the name.
	noCommand = regexp.MustCompile(`(?:User (\S+)|this user) has no permissions to run the '([^']+)' command`)
	noKey     = regexp.MustCompile("access (a|one of the) key")
)

func rightToAdd(message string) string {
	if found := noCommand.FindStringSubmatch(message); found != nil {
		user := found[1]
		if user == "" {
			user = "<user>"
		}
		return ": add it with ACL SETUSER " + user + " +" + strings.ToLower(found[2])
	}
	if noKey.MatchString(message) {
		return ": add the keys with ACL SETUSER <user> ~lw:*"
	}
	return ""
}
