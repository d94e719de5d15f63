package lockwatch

import (
	"context"
	"log/slog"
	"regexp"
	"time"
)

// Options of a client. The zero value of each is its default.
type Options struct {
	// Service names the service in the keys of the middleware and of route limits: 1 to 64 of
	// A-Z a-z 0-9 _ . -. Without it, all services on one Redis share their counters.
	Service string
	// ConnectTimeout bounds connecting. 200 ms by default.
	ConnectTimeout time.Duration
	// CommandTimeout bounds the wait for replies. 100 ms by default. Commands that sign tokens or
	// ask Postgres have 10 seconds, or CommandTimeout if that is longer.
	CommandTimeout time.Duration
	// BreakerTimeouts is the number of timeouts in a row after which Redis is not asked for
	// BreakerPause. 3 by default.
	BreakerTimeouts int
	// BreakerPause is 1 second by default.
	BreakerPause time.Duration
	// Cluster says that the URL of Open names a node of a cluster.
	Cluster bool
	// OnEvent is called for each outcome of a limit, after it is decided, and for each audit event
	// that is dropped. It is called by the goroutine of the request, so it has to return soon. A
	// panic in it is recovered and logged.
	OnEvent func(ctx context.Context, event Event)
	// Logger gets the failures of Redis, each kind once per ten seconds. slog.Default() by default.
	Logger *slog.Logger
}

const (
	// Time for commands that sign or ask Postgres.
	slowTimeout = 10 * time.Second
	// Time for audit events and other commands that are sent after the response.
	afterTimeout = time.Second
	maxDuration  = 3650 * 24 * time.Hour
)

var serviceName = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`)

// withDefaults checks the options, and fills in the defaults.
func (o Options) withDefaults() (Options, error) {
	if o.Service != "" && !serviceName.MatchString(o.Service) {
		return o, configurationError("Service is %s: expected a name of 1 to 64 of A-Z a-z 0-9 _ . -, like 'shop'",
			shown(o.Service))
	}
	for _, each := range []struct {
		name     string
		value    *time.Duration
		fallback time.Duration
	}{
		{"ConnectTimeout", &o.ConnectTimeout, 200 * time.Millisecond},
		{"CommandTimeout", &o.CommandTimeout, 100 * time.Millisecond},
		{"BreakerPause", &o.BreakerPause, time.Second},
	} {
		if *each.value == 0 {
			*each.value = each.fallback
		}
		if err := checkDuration(each.name, *each.value); err != nil {
			return o, err
		}
	}
	if o.BreakerTimeouts == 0 {
		o.BreakerTimeouts = 3
	}
	if o.BreakerTimeouts < 1 || o.BreakerTimeouts > 1_000_000 {
		return o, configurationError("BreakerTimeouts is %d: expected an integer from 1 to 1000000, like 3",
			o.BreakerTimeouts)
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return o, nil
}

func (o Options) timeouts() timeouts {
	return timeouts{connect: o.ConnectTimeout, command: o.CommandTimeout}
}

// shown is a value in a message: quoted, and cut if it is long.
func shown(text string) string {
	const most = 80
	runes := []rune(text)
	if len(runes) > most {
		text = string(runes[:most]) + "…"
	}
	return "'" + text + "'"
}
