package lockwatch

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func testLog() (*failureLog, *logText, *time.Time) {
	text, now := &logText{}, time.Unix(1000, 0)
	log := &failureLog{newServerLog("127.0.0.1:6379"), text.logger()}
	log.now = func() time.Time { return now }
	return log, text, &now
}

func TestAFailureIsLoggedOncePerInterval(t *testing.T) {
	log, text, now := testLog()
	for range 5 {
		log.log("limit: TIMEOUT", "requests are let through")
	}
	log.log("limit: OOM", "out of memory")
	*now = now.Add(logInterval)
	log.log("limit: TIMEOUT", "requests are let through")
	found := text.String()
	if strings.Count(found, "let through") != 2 || strings.Count(found, "out of memory") != 1 ||
		!strings.Contains(found, "(4 more since it was last said)") {
		t.Fatalf("the log: %s", found)
	}
}

func TestTheEndOfAnOutageIsLogged(t *testing.T) {
	log, text, now := testLog()
	away := unavailable("TIMEOUT", "Redis at 127.0.0.1:6379 did not answer in time", "127.0.0.1:6379")
	log.limitAnswered()
	log.limitFailed("limit: TIMEOUT", away, FailAllow)
	log.limitFailed("limit: TIMEOUT", away, FailAllow)
	log.limitFailed("limit: TIMEOUT", away, FailDeny)
	*now = now.Add(2500 * time.Millisecond)
	log.limitAnswered()
	log.limitAnswered()
	log.eventsLost("TIMEOUT", away, 7)
	*now = now.Add(20 * time.Second)
	log.eventsRecorded()
	found := text.String()
	for _, line := range []string{
		"limits are enforced again at 127.0.0.1:6379 after 2.5 s; 2 requests were let through without a limit " +
			"and 1 request was answered 503",
		"audit events are recorded again at 127.0.0.1:6379 after 20 s; 7 events were lost",
	} {
		if strings.Count(found, line) != 1 {
			t.Fatalf("%q is not once in the log: %s", line, found)
		}
	}
}

func TestErrorsOfOneKeyAreNoOutage(t *testing.T) {
	log, text, _ := testLog()
	log.limitFailed("limit: WRONGTYPE", answeredError("WRONGTYPE Operation against a key", "127.0.0.1:6379"), FailAllow)
	log.limitFailed("limit: NOPERM", answeredError("NOPERM this user has no permissions to run the 'lw.ratelimit' "+
		"command", "127.0.0.1:6379"), FailAllow)
	log.limitAnswered()
	found := text.String()
	if strings.Contains(found, "enforced again") || !strings.Contains(found, "add it with ACL SETUSER <user> +lw.ratelimit") {
		t.Fatalf("the log: %s", found)
	}
}

func TestTheKindsOfMessagesAreBounded(t *testing.T) {
	l, lines, now := testLog()
	for i := range 5000 {
		l.log(fmt.Sprintf("error: %d", i), "a request is answered 500")
	}
	if count := strings.Count(lines.String(), "\n"); len(l.last) > maxKinds+1 || count > maxKinds+1 {
		t.Fatalf("%d kinds are remembered, and %d lines logged", len(l.last), count)
	}
	*now = now.Add(2 * logInterval)
	if l.log("error: new", "another one"); l.last["error: new"] == nil {
		t.Fatal("a kind is not told from others, although nothing was logged lately")
	}
}
