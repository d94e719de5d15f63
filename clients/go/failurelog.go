package lockwatch

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Time between two messages of one kind.
const logInterval = 10 * time.Second

const (
	// maxKinds bounds the kinds that are remembered. Errors of the application may contain what a
	// client sends. Further kinds are logged as one.
	maxKinds   = 200
	otherKinds = "other"
)

// failureLog logs failures without flooding the log when every request meets the same one. The
// clients of a process that use one server share what is known of it, so ten middlewares together
// log a failure once per interval, and its end once.
type failureLog struct {
	*serverLog
	logger *slog.Logger
}

// serverLog is what is known and was logged of one server.
type serverLog struct {
	server string
	now    func() time.Time

	mu   sync.Mutex
	last map[string]*logged
	// Whether there is an outage, for the usual path, which takes no lock.
	limitsFail, eventsFail atomic.Bool
	limits, events         outage
}

type logged struct {
	at         time.Time
	suppressed int
}

// outage is a time in which limits, or audit events, failed.
type outage struct {
	since                            time.Time
	isLogged                         bool
	letThrough, refused, local, lost int
}

var (
	serverLogs   = map[string]*serverLog{}
	serverLogsMu sync.Mutex
)

func newServerLog(server string) *serverLog {
	return &serverLog{server: server, now: time.Now, last: map[string]*logged{}}
}

func newFailureLog(server string, logger *slog.Logger) *failureLog {
	serverLogsMu.Lock()
	defer serverLogsMu.Unlock()
	known := serverLogs[server]
	if known == nil {
		known = newServerLog(server)
		serverLogs[server] = known
	}
	return &failureLog{known, logger}
}

// log logs a warning, unless one of this kind was logged within the interval. It returns whether it
// did.
func (l *failureLog) log(kind, message string) bool {
	l.mu.Lock()
	now := l.now()
	kind = l.bounded(kind, now)
	known := l.last[kind]
	if known != nil && now.Sub(known.at) < logInterval {
		known.suppressed++
		l.mu.Unlock()
		return false
	}
	again := ""
	if known != nil && known.suppressed > 0 {
		again = fmt.Sprintf(" (%d more since it was last said)", known.suppressed)
	}
	l.last[kind] = &logged{at: now}
	l.mu.Unlock()
	l.logger.Warn(message + again)
	return true
}

// bounded is the kind that a message is logged under.
func (l *failureLog) bounded(kind string, now time.Time) string {
	if l.last[kind] != nil || len(l.last) < maxKinds {
		return kind
	}
	maps.DeleteFunc(l.last, func(_ string, each *logged) bool { return now.Sub(each.at) >= logInterval })
	if len(l.last) < maxKinds {
		return kind
	}
	return otherKinds
}

// consequences are what happens to requests without an answer of Redis.
var consequences = map[FailureMode]string{
	FailAllow: "requests are let through without a limit",
	FailDeny:  "requests are answered 503",
	FailLocal: "requests are limited by this process alone",
}

// limitFailed logs that the limit of a request could not be evaluated, and what happened to it.
func (l *failureLog) limitFailed(kind string, err error, decision FailureMode) {
	isLogged := l.log(kind, consequences[decision]+": "+l.named(err))
	if !endsByItself(err) {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.begin(&l.limits, &l.limitsFail, isLogged)
	switch decision {
	case FailAllow:
		l.limits.letThrough++
	case FailDeny:
		l.limits.refused++
	case FailLocal:
		l.limits.local++
	}
}

// limitAnswered logs the end of failures.
func (l *failureLog) limitAnswered() {
	if over := l.end(&l.limits, &l.limitsFail); over != nil {
		var counts []string
		if over.letThrough > 0 {
			counts = append(counts, counted(over.letThrough, "request")+" let through without a limit")
		}
		if over.local > 0 {
			counts = append(counts, counted(over.local, "request")+" limited by this process alone")
		}
		if over.refused > 0 {
			counts = append(counts, counted(over.refused, "request")+" answered 503")
		}
		l.ended("limits are enforced again", over, strings.Join(counts, " and "))
	}
}

// eventsLost logs that audit events are lost.
func (l *failureLog) eventsLost(kind string, err error, count int) {
	isLogged := l.log("audit: "+kind, "audit events are lost: "+l.named(err))
	l.mu.Lock()
	defer l.mu.Unlock()
	l.begin(&l.events, &l.eventsFail, isLogged)
	l.events.lost += count
}

// eventsRecorded logs the end of losses.
func (l *failureLog) eventsRecorded() {
	if over := l.end(&l.events, &l.eventsFail); over != nil {
		l.ended("audit events are recorded again", over, counted(over.lost, "event")+" lost")
	}
}

func (l *failureLog) begin(current *outage, fails *atomic.Bool, isLogged bool) {
	if !fails.Load() {
		*current = outage{since: l.now()}
		fails.Store(true)
	}
	current.isLogged = current.isLogged || isLogged
}

// end returns the outage that is over, if it was logged.
func (l *failureLog) end(current *outage, fails *atomic.Bool) *outage {
	if !fails.Load() {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if !fails.Swap(false) || !current.isLogged {
		return nil
	}
	over := *current
	return &over
}

func (l *failureLog) ended(what string, over *outage, counts string) {
	l.mu.Lock()
	seconds := l.now().Sub(over.since).Seconds()
	l.mu.Unlock()
	digits := 1
	if seconds >= 10 {
		digits = 0
	}
	l.logger.Warn(fmt.Sprintf("%s at %s after %.*f s; %s", what, l.server, digits, seconds, counts))
}

// named is a reason with the server.
func (l *failureLog) named(err error) string {
	var failure *Error
	if errors.As(err, &failure) && failure.Server != "" {
		return failure.Message
	}
	return messageOf(err) + " (Redis at " + l.server + ")"
}

// messageOf is the text of an error without the name of this package.
func messageOf(err error) string { return strings.TrimPrefix(err.Error(), "lockwatch: ") }

// endsByItself says whether an error is an outage. Others concern one key or one command, and the
// next command may succeed meanwhile.
func endsByItself(err error) bool {
	return errors.Is(err, ErrUnavailable) && codeOf(err) != "NOPERM"
}

func counted(number int, noun string) string {
	if number == 1 {
		return "1 " + noun + " was"
	}
	return fmt.Sprintf("%d %ss were", number, noun)
}

var (
	said   = map[string]bool{}
	saidMu sync.Mutex
)

// sayOnce logs the first notice of each kind in this process.
func sayOnce(kind string, log func()) {
	saidMu.Lock()
	first := !said[kind]
	said[kind] = true
	saidMu.Unlock()
	if first {
		log()
	}
}
