package lockwatch

import (
	"context"
	"errors"
	"net/http"

	"lockwatch/internal/address"
)

// routeCheck decides about one request.
type routeCheck struct {
	limit  *routeLimit
	state  *State
	charge *charges
	// route is the text that the name is derived from; empty if the name is given and no route is
	// known.
	route string
	// inKey and name are the names in the key and in headers.
	inKey, name string
	key         string
}

func (l *routeLimit) decide(r *http.Request, state *State, counted *countedLimits, charge *charges) decision {
	c := &routeCheck{limit: l, state: state, charge: charge}
	if l.given == nil || l.client.options.OnEvent != nil {
		c.route = l.options.Route(r)
	}
	name := l.given
	if name == nil {
		if c.route == "" {
			return decision{err: configurationError("a limit that is not on a route with a path of its own needs a name: " +
				"RouteLimit(client, \"5/minute\", RouteLimitOptions{Name: \"search\"})")}
		}
		name = l.nameOf(c.route)
	}
	var err error
	if c.inKey, c.name, err = counted.nameOf(name, l, l.given != nil); err != nil {
		return decision{err: err}
	}
	found := c.decideOn(r, counted)
	var failed *awayError
	if errors.As(found.err, &failed) {
		return c.functionFailed(r, failed)
	}
	return found
}

func (c *routeCheck) decideOn(r *http.Request, counted *countedLimits) decision {
	client, err := c.client(r)
	if errors.Is(err, ErrNoLimit) {
		return decision{}
	}
	if err != nil {
		return decision{err: err}
	}
	limits := c.limit.fixed
	if c.limit.limits.call != nil {
		if limits, err = c.limit.limits.limits(r); err != nil || limits.IsZero() {
			return decision{err: err}
		}
	}
	cost, err := c.limit.cost.of(r)
	if err != nil {
		return decision{err: err}
	}
	c.key = c.limit.keys.key(client, routeKind+c.inKey)
	found, isEarlier := counted.once(c.key, func() decision { return c.ask(r, limits, cost) })
	if isEarlier && found.reply == nil {
		// The headers of an earlier call are on the response, unless those of another limit are.
		return decision{err: found.err}
	}
	return found
}

// client is the part of the key between the braces.
func (c *routeCheck) client(r *http.Request) (string, error) {
	if c.limit.options.KeyFunc != nil {
		text, err := c.limit.options.KeyFunc(r)
		if errors.Is(err, ErrNoLimit) {
			return "", ErrNoLimit
		}
		if err != nil {
			return "", askFunction("KeyFunc", err)
		}
		if text != ByAddress {
			if c.state != nil {
				c.state.setKeyText(text)
			}
			return keyClient(text), nil
		}
	}
	return c.address(r)
}

// address is the client of the address that the middleware found, otherwise of the peer.
func (c *routeCheck) address(r *http.Request) (string, error) {
	if c.state != nil {
		return c.state.outer.prefixes.Client(c.state.address), nil
	}
	addr, err := peerOf(r).Addr()
	if err != nil {
		return "", configurationError("%s", err)
	}
	return address.Prefixes{IPv4: address.DefaultIPv4, IPv6: address.DefaultIPv6}.Client(addr), nil
}

func (c *routeCheck) ask(r *http.Request, limits Limits, cost int64) decision {
	l := c.limit
	replies, err := l.client.pipeline(context.WithoutCancel(r.Context()), []command{l.charging.command(c.key, limits, cost)})
	if err == nil {
		err = replies[0].err
	}
	var result *RateLimitResult
	if err == nil {
		result, err = readRateLimit(replies[0].value, limits, l.charging.withTime())
	}
	if err != nil {
		return c.responses().answer(r, c.unanswered(r, []localCall{{c.key, c.name, limits}}, cost, err), c.name)
	}
	asked := askedLimit{c.key, c.name, limits, result}
	l.client.answered([]askedLimit{asked})
	c.charge.add(l.client, l.charging, l.charging.corrections([]askedLimit{asked}, cost))
	found := asked.verdict(c.formats(), announced{}, l.mode.shadow)
	if c.state != nil {
		c.state.judge(&asked, found.headers, l.mode.shadow)
	}
	c.decided(r, outcomeOf(result, l.mode.shadow), "")
	return c.responses().answer(r, found, c.name)
}

// formats are those of the middleware of the request.
func (c *routeCheck) formats() headerFormats {
	if c.state != nil {
		return c.state.outer.formats
	}
	return c.limit.formats
}

func (c *routeCheck) responses() responses {
	return responses{c.limit.options.OnDenied, &onlyJSON}
}

// functionFailed is like that of a middleware.
func (c *routeCheck) functionFailed(r *http.Request, failure *awayError) decision {
	client, err := c.address(r)
	if err != nil {
		return decision{err: err}
	}
	calls := []localCall{{c.limit.keys.key(client, routeKind+c.inKey), c.name, c.limit.fixed}}
	return c.responses().answer(r, c.unanswered(r, calls, c.limit.cost.known(), failure), c.name)
}

func (c *routeCheck) unanswered(r *http.Request, calls []localCall, cost int64, err error) verdict {
	outcome, denial := c.limit.mode.unanswered(c.limit.client, calls, cost, err)
	c.decided(r, outcome, reasonOf(err))
	if denial != nil && c.state != nil {
		c.state.deny(denial, false)
	}
	return verdict{denial: denial, unavailable: outcome == FailedClosed}
}

func (c *routeCheck) decided(r *http.Request, outcome Outcome, reason string) {
	c.limit.client.decided(r.Context(), Event{Outcome: outcome, Policy: c.name, Route: c.route, Reason: reason})
}
