package lockwatch

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
)

// statusClientGone is the status in the audit event if the client left before the response was
// complete. nginx logs the same.
const statusClientGone = 499

// statusFailed is the first status of a response that has failed.
const statusFailed = 400

// charging says which responses count. SkipSuccessful and SkipFailed count a request when it comes,
// and give its units back after the response. So of parallel requests no more than the limit are
// admitted. CountWhen counts nothing before, and afterwards whatever the limit says then.
type charging struct {
	skipSuccessful, skipFailed bool
	countWhen                  CountWhen
}

// newCharging checks that the options exclude each other. of says whose options they are.
func newCharging(skipSuccessful, skipFailed bool, countWhen CountWhen, of string) (charging, error) {
	var given []string
	for _, each := range []struct {
		name  string
		isSet bool
	}{{"SkipSuccessful", skipSuccessful}, {"SkipFailed", skipFailed}, {"CountWhen", countWhen != nil}} {
		if each.isSet {
			given = append(given, each.name)
		}
	}
	if len(given) > 1 {
		return charging{}, configurationError("%s%s are given together: give one of them", strings.Join(given, " and "), of)
	}
	return charging{skipSuccessful, skipFailed, countWhen}, nil
}

// command asks for a limit before the application is called.
func (c charging) command(key string, limits Limits, cost int64) command {
	if c.countWhen != nil {
		return rateLimitCommand("LW.PEEK", key, limits, RateLimitArgs{Cost: cost})
	}
	return rateLimitCommand("LW.RATELIMIT", key, limits, RateLimitArgs{Cost: cost, WithTime: c.withTime()})
}

func (c charging) withTime() bool { return c.skipSuccessful || c.skipFailed }

// corrections are sent after the response if it is one that does not count, or that counts.
func (c charging) corrections(asked []askedLimit, cost int64) []command {
	var commands []command
	if c.countWhen != nil {
		for _, each := range asked {
			// A request that was denied costs nothing, as without this option.
			if !each.result.Allowed {
				return nil
			}
			args := RateLimitArgs{Cost: cost, Force: true}
			commands = append(commands, rateLimitCommand("LW.RATELIMIT", each.key, each.limits, args))
		}
		return commands
	}
	for _, each := range asked {
		if c.withTime() && !each.result.Time.IsZero() {
			commands = append(commands, refundCommand(each.key, cost, each.result.Time))
		}
	}
	return commands
}

// applies reports whether a response is one after which something is sent.
func (c charging) applies(response FinishedResponse) bool {
	switch {
	case c.countWhen != nil:
		return c.countWhen(response)
	case c.skipSuccessful:
		return response.Status < statusFailed
	default:
		return response.Status >= statusFailed
	}
}

// charges are what the limits of a request have left to do after its response.
type charges struct {
	mu      sync.Mutex
	pending []pendingCharge
}

type pendingCharge struct {
	charging charging
	commands []command
	client   *Client
}

func (c *charges) add(client *Client, charging charging, commands []command) {
	if len(commands) == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pending = append(c.pending, pendingCharge{charging, commands, client})
}

// finish sends what the response calls for. It never waits.
func (c *charges) finish(status int, headers http.Header) {
	c.mu.Lock()
	pending := c.pending
	c.pending = nil
	c.mu.Unlock()
	for _, each := range pending {
		each.finish(FinishedResponse{status, headers})
	}
}

func (p pendingCharge) finish(response FinishedResponse) {
	// The response has been written, so nobody else can answer.
	defer func() {
		if problem := recover(); problem != nil {
			p.client.failures.log("CountWhen", fmt.Sprintf("a request is not counted, because CountWhen panicked: %v", problem))
		}
	}()
	if !p.charging.applies(response) {
		return
	}
	for _, each := range p.commands {
		p.client.corrections.record(each)
	}
}
