package lockwatch

import (
	"context"
	"errors"
	"net/http"
	"sync"

	"lockwatch/internal/address"
	"lockwatch/internal/pattern"
)

// routeKind begins what follows the client in the key of a route limit. Names of policies have no
// colon, so a route limit never counts into one of them.
const routeKind = "limit:"

// routeLimit is a limit on one route.
type routeLimit struct {
	client   *Client
	options  RouteLimitOptions
	fixed    Limits
	limits   limitsFunc
	cost     units
	mode     mode
	charging charging
	keys     keySpace
	// given is nil if the name is derived from the route. derived has the names by routes.
	given   *limitName
	derived sync.Map
	// formats and bodies are for requests without a middleware.
	formats headerFormats
	bodies  *errorBodies
}

// RouteLimit limits the requests to one handler, for clients that only the application knows: users
// or tenants, after authentication. Limits are like "5/minute"; with LimitsFunc they are empty.
func RouteLimit(client *Client, limits string, options RouteLimitOptions) (func(http.Handler) http.Handler, error) {
	made, err := newRouteLimit(client, limits, &options)
	if err != nil {
		return nil, err
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { made.serve(w, r, next) })
	}, nil
}

func newRouteLimit(client *Client, limits string, o *RouteLimitOptions) (*routeLimit, error) {
	if client == nil {
		return nil, configurationError("the client is nil: write RouteLimit(client, \"5/minute\", …)")
	}
	l := &routeLimit{client: client, options: *o, limits: limitsFunc{"LimitsFunc", o.LimitsFunc}}
	if o.OnError == nil {
		l.options.OnError = client.answerError
	}
	if o.Route == nil {
		l.options.Route = muxRoute
	}
	if (limits == "") == (o.LimitsFunc == nil) {
		return nil, configurationError("RouteLimit needs limits like \"5/minute\", or LimitsFunc and no limits")
	}
	if o.Name != "" && !pattern.IsName(o.Name) {
		return nil, configurationError("Name is %s: expected 1 to 64 of A-Z a-z 0-9 _ . -", shown(o.Name))
	}
	return l, l.setUp(limits)
}

func (l *routeLimit) setUp(limits string) (err error) {
	const of = " of RouteLimit"
	o := &l.options
	if limits != "" {
		if l.fixed, err = ParseLimits(limits); err != nil {
			return err
		}
	}
	if l.cost, err = newUnits(o.Cost, o.CostFunc, of); err != nil {
		return err
	}
	if l.charging, err = newCharging(o.SkipSuccessful, o.SkipFailed, o.CountWhen, of); err != nil {
		return err
	}
	if l.mode, err = newMode(modeOptions{o.Shadow, o.OnRedisFailure, o.LocalShare, o.LocalLimits}, l.fixed, of); err != nil {
		return err
	}
	if l.keys, err = newKeySpace(l.client, o.KeyPrefix); err != nil {
		return err
	}
	if l.formats, err = parseFormats(o.Headers); err != nil {
		return err
	}
	if o.Name != "" {
		l.given = &limitName{o.Name, l.keys.key("", routeKind+o.Name)}
	}
	l.bodies, err = newErrorBodies(nil)
	return err
}

// nameOf is the name that is derived from a route.
func (l *routeLimit) nameOf(route string) *limitName {
	if known, found := l.derived.Load(route); found {
		return known.(*limitName)
	}
	name := pattern.Name(route)
	made := &limitName{name, l.keys.key("", routeKind+name)}
	l.derived.Store(route, made)
	return made
}

// serve is the limit for one request.
func (l *routeLimit) serve(w http.ResponseWriter, r *http.Request, next http.Handler) {
	ctx, counted := countedOf(r.Context())
	if ctx != r.Context() {
		r = r.WithContext(ctx)
	}
	if counted.isExempt() {
		next.ServeHTTP(w, r)
		return
	}
	state := StateOf(ctx)
	charge := new(charges)
	if state != nil {
		charge = state.charge
	}
	found := l.decide(r, state, counted, charge)
	if state != nil {
		// The middleware sets the headers, and knows the response.
		l.pass(w, r, next, found)
		return
	}
	writer := newResponseWriter(w, r, func(response http.Header) { addMissing(response, found.headers) })
	writer.hijacked = charge.finish
	completed := false
	defer func() {
		if !completed && writer.finalStatus() != statusClientGone {
			writer.status = http.StatusInternalServerError
		}
		charge.finish(writer.finalStatus(), writer.Header())
	}()
	l.pass(writer, r, next, found)
	writer.finish()
	completed = true
}

func (l *routeLimit) pass(w http.ResponseWriter, r *http.Request, next http.Handler, found decision) {
	switch {
	case found.err != nil:
		l.options.OnError(w, r, found.err)
	case found.reply != nil:
		found.reply.write(w, found.headers)
	default:
		next.ServeHTTP(w, r)
	}
}

// routeCheck decides about one request.
type routeCheck struct {
	limit  *routeLimit
	state  *State
	charge *charges
	// route is the text that the name is derived from; empty if the name is given and no route is known.
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
	found := asked.verdict(c.formats(), l.mode.shadow)
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
	bodies := c.limit.bodies
	if c.state != nil {
		bodies = c.state.outer.responses.bodies
	}
	return responses{c.limit.options.OnDenied, bodies}
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
