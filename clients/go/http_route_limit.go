package lockwatch

import (
	"net/http"
	"sync"

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
	// formats are for requests without a middleware.
	formats headerFormats
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
	return nil
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
	writer := newResponseWriter(w, r, routeResponse{found.headers, charge})
	completed := false
	defer func() {
		if !completed && writer.finalStatus() != statusClientGone {
			writer.status = http.StatusInternalServerError
		}
		charge.finish(writer.finalStatus(), writer.Header())
	}()
	l.pass(&writer, r, next, found)
	writer.finish()
	completed = true
}

// routeResponse is the response behind a limit without a middleware.
type routeResponse struct {
	headers []header
	*charges
}

func (r routeResponse) addHeaders(response http.Header) { addMissing(response, r.headers) }

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
