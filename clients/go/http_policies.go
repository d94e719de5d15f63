package lockwatch

import (
	"net/netip"
	"strings"

	"lockwatch/internal/address"
	"lockwatch/internal/pattern"
)

const (
	defaultPolicy = "default"
	burstPolicy   = "burst"
)

// policy is a policy with every option decided.
type policy struct {
	name string
	// route is the pattern; empty for the default policy.
	route string
	// own are the limits of its own; the zero value if those of the default policy or of a plan
	// apply.
	own          Limits
	cost         units
	mode         mode
	charging     charging
	byCredential bool
	keyFunc      KeyFunc
	announced    announced
}

// policies are the default policy, those of routes, and what is exempt.
type policies struct {
	limits    Limits
	byDefault *policy
	routes    []routePolicy
	exempt    []*pattern.Pattern
	clients   address.Set
}

type routePolicy struct {
	pattern *pattern.Pattern
	policy  *policy
}

func newPolicies(options *MiddlewareOptions) (*policies, error) {
	limits, err := defaultLimits(options)
	if err != nil {
		return nil, err
	}
	p := &policies{limits: limits}
	if p.byDefault, err = newDefaultPolicy(options, limits); err != nil {
		return nil, err
	}
	for _, text := range options.Exempt {
		if err := p.addExempt(text); err != nil {
			return nil, err
		}
	}
	names := map[string]bool{defaultPolicy: true, burstPolicy: true}
	for i := range options.Routes {
		route, err := newRoutePolicy(options, &options.Routes[i], p.byDefault, limits)
		if err != nil {
			return nil, err
		}
		if name := route.policy.name; !route.policy.own.IsZero() {
			if names[name] {
				return nil, configurationError("the name '%s' of the policy of '%s' is taken: give it a Name",
					name, route.pattern.Text())
			}
			names[name] = true
		}
		p.routes = append(p.routes, route)
	}
	return p, nil
}

func defaultLimits(o *MiddlewareOptions) (Limits, error) {
	if o.Limits != "" {
		if o.RateLimitRequests != 0 || o.RateLimitWindow != 0 {
			return Limits{}, configurationError("Limits and RateLimitRequests or RateLimitWindow are both given: write " +
				"Limits: \"100/minute\" alone")
		}
		limits, err := ParseLimits(o.Limits)
		if err != nil {
			return limits, configurationError("Limits: %s", messageOf(err))
		}
		return limits, nil
	}
	limit := Limit{Limit: 100, Window: 60_000_000_000}
	if o.RateLimitRequests != 0 {
		limit.Limit = o.RateLimitRequests
	}
	if o.RateLimitWindow != 0 {
		limit.Window = o.RateLimitWindow
	}
	return NewLimits(limit)
}

func newDefaultPolicy(o *MiddlewareOptions, limits Limits) (*policy, error) {
	p := &policy{name: defaultPolicy}
	var err error
	if p.cost, err = newUnits(o.Cost, o.CostFunc, ""); err != nil {
		return nil, err
	}
	if p.charging, err = newCharging(o.SkipSuccessful, o.SkipFailed, o.CountWhen, ""); err != nil {
		return nil, err
	}
	options := modeOptions{o.Shadow, o.OnRedisFailure, o.LocalShare, o.LocalLimits}
	if p.mode, err = newMode(options, limits, ""); err != nil {
		return nil, err
	}
	if err = p.setKey(o.Key, o.KeyFunc, ""); err != nil {
		return nil, err
	}
	if p.byCredential && o.AddressLimits == "" {
		_, err = limits.forAddress()
	}
	return p, err
}

// setKey sets whose request it is. of says whose options they are.
func (p *policy) setKey(key Key, keyFunc KeyFunc, of string) error {
	switch key {
	case "", KeyAddress, KeyCredential:
	default:
		return configurationError("Key%s is %s: expected address or credential", of, shown(string(key)))
	}
	if key == KeyCredential && keyFunc != nil {
		return configurationError("Key%s is credential and there is a KeyFunc: give one of both", of)
	}
	p.byCredential, p.keyFunc = key == KeyCredential, keyFunc
	return nil
}

func newRoutePolicy(o *MiddlewareOptions, r *Route, byDefault *policy, limits Limits) (routePolicy, error) {
	parsed, err := pattern.Parse(r.Pattern)
	if err != nil {
		return routePolicy{}, configurationError("Routes: %s", err)
	}
	of := " of the policy of '" + r.Pattern + "'"
	p := *byDefault
	p.route = r.Pattern
	if err := p.setLimits(r, of); err != nil {
		return routePolicy{}, err
	}
	if r.Cost != 0 || r.CostFunc != nil {
		if p.cost, err = newUnits(r.Cost, r.CostFunc, of); err != nil {
			return routePolicy{}, err
		}
	}
	if r.SkipSuccessful != Inherit || r.SkipFailed != Inherit || r.CountWhen != nil {
		if p.charging, err = newCharging(r.SkipSuccessful == On, r.SkipFailed == On, r.CountWhen, of); err != nil {
			return routePolicy{}, err
		}
	}
	p.mode, err = routeMode(o, r, &p, limits, of)
	return routePolicy{parsed, &p}, err
}

// setLimits sets the limits of a route's own, the name and whose request it is.
func (p *policy) setLimits(r *Route, of string) error {
	hasKey := r.Key != "" || r.KeyFunc != nil
	if r.Limits == "" {
		switch {
		case r.Name != "":
			return configurationError("Name%s is given without Limits that are counted under it", of)
		case hasKey:
			return configurationError("Key or KeyFunc%s is given without Limits: give it limits of its own", of)
		}
		return nil
	}
	limits, err := ParseLimits(r.Limits)
	if err != nil {
		return configurationError("Limits%s: %s", of, messageOf(err))
	}
	p.own = limits
	if p.name = r.Name; p.name == "" {
		p.name = pattern.Name(r.Pattern)
	}
	if !pattern.IsName(p.name) {
		return configurationError("Name%s is %s: expected 1 to 64 of A-Z a-z 0-9 _ . -", of, shown(p.name))
	}
	if hasKey {
		if err := p.setKey(r.Key, r.KeyFunc, of); err != nil {
			return err
		}
	}
	if p.byCredential {
		_, err = limits.forAddress()
	}
	return err
}

// routeMode is the mode of a route, with that of the middleware in place of what is left out. The
// fallback are the limits of the default policy.
func routeMode(o *MiddlewareOptions, r *Route, p *policy, fallback Limits, of string) (mode, error) {
	options := modeOptions{p.mode.shadow, p.mode.onFailure, o.LocalShare, r.LocalLimits}
	if r.Shadow != Inherit {
		options.shadow = r.Shadow == On
	}
	if r.OnRedisFailure != "" {
		options.onFailure = r.OnRedisFailure
	}
	if r.LocalShare != 0 {
		options.localShare = r.LocalShare
	}
	if options.localLimits == "" && p.own.IsZero() {
		options.localLimits = o.LocalLimits
	}
	limits := p.own
	if limits.IsZero() {
		limits = fallback
	}
	return newMode(options, limits, of)
}

// announce makes the headers that are the same for most requests.
func (p *policies) announce(formats headerFormats) {
	p.byDefault.announced = formats.announce(p.limits, defaultPolicy)
	for _, route := range p.routes {
		limits := route.policy.own
		if limits.IsZero() {
			limits = p.limits
		}
		route.policy.announced = formats.announce(limits, route.policy.name)
	}
}

// addExempt adds a pattern of paths, or an address or network of clients.
func (p *policies) addExempt(text string) error {
	isPath := strings.HasPrefix(text, "/") || strings.Contains(text, " ")
	if !isPath && p.clients.Add(text) {
		return nil
	}
	parsed, err := pattern.Parse(text)
	if err != nil || !isPath {
		return configurationError("Exempt has %s: expected a pattern of paths, like '/healthz' or 'GET /static/**', "+
			"or an address, a network or 'unix'", shown(text))
	}
	p.exempt = append(p.exempt, parsed)
	return nil
}

// of returns the policy of a request, which matches with any of its paths. It is nil if each of the
// paths is exempt.
func (p *policies) of(paths []pattern.Path) *policy {
	if p.isExempt(paths) {
		return nil
	}
	for _, route := range p.routes {
		for i := range paths {
			if route.pattern.Matches(&paths[i]) {
				return route.policy
			}
		}
	}
	return p.byDefault
}

func (p *policies) isExempt(paths []pattern.Path) bool {
	if len(p.exempt) == 0 {
		return false
	}
	for i := range paths {
		exempt := false
		for _, each := range p.exempt {
			exempt = exempt || each.MatchesExactly(&paths[i])
		}
		if !exempt {
			return false
		}
	}
	return true
}

// isExemptClient reports whether requests of an address are exempt.
func (p *policies) isExemptClient(addr netip.Addr) bool {
	return !p.clients.IsEmpty() && p.clients.Contains(addr)
}
