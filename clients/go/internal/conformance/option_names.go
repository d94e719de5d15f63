package conformance

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"

	"lockwatch"
)

// read reads the options of a case, on top of those that are there.
func (s *settings) read(object json.RawMessage) error {
	names := s.ofClient()
	maps.Copy(names, ofLimits(&s.middleware))
	maps.Copy(names, ofRequests(&s.middleware))
	return names.read(object)
}

func (s *settings) ofClient() setters {
	return setters{
		"service":          into(&s.client.Service),
		"connect_timeout":  seconds(&s.client.ConnectTimeout),
		"command_timeout":  seconds(&s.client.CommandTimeout),
		"breaker_timeouts": into(&s.client.BreakerTimeouts),
		"breaker_seconds":  seconds(&s.client.BreakerPause),
	}
}

// ofLimits are the options that decide which limits apply, and to whom.
func ofLimits(o *lockwatch.MiddlewareOptions) setters {
	return setters{
		"rate_limit_requests":       into(&o.RateLimitRequests),
		"rate_limit_window_seconds": seconds(&o.RateLimitWindow),
		"limits":                    limits(&o.Limits),
		"limits_returns":            returningLimits(&o.PlanFunc),
		"plan_func_returns":         returningLimits(&o.PlanFunc),
		"cost":                      into(&o.Cost),
		"cost_returns":              returningCost(&o.CostFunc),
		"key":                       into(&o.Key),
		"key_func_returns":          returning(&o.KeyFunc),
		"credential_header":         into(&o.CredentialHeader),
		"address_limits":            limits(&o.AddressLimits),
		"routes":                    func(value json.RawMessage) error { return readRoutes(o, value) },
		"exempt":                    list(&o.Exempt),
		"skip_successful":           into(&o.SkipSuccessful),
		"skip_failed":               into(&o.SkipFailed),
		"count_when":                impossible,
		"count_when_status":         counting(&o.CountWhen),
		"shadow":                    into(&o.Shadow),
		"on_redis_failure":          into(&o.OnRedisFailure),
		"local_share":               into(&o.LocalShare),
		"local_limits":              into(&o.LocalLimits),
		"key_prefix":                into(&o.KeyPrefix),
	}
}

// ofRequests are the options that decide what else is done with a request.
func ofRequests(o *lockwatch.MiddlewareOptions) setters {
	return setters{
		"on_denied_returns":      func(value json.RawMessage) error { return readOnDenied(o, value) },
		"error_bodies":           func(value json.RawMessage) error { return readErrorBodies(o, value) },
		"error_bodies_echo":      func(value json.RawMessage) error { return readEchoes(o, value) },
		"headers":                list(&o.Headers),
		"burst_threshold":        func(value json.RawMessage) error { return readThreshold(o, value) },
		"burst_window_seconds":   seconds(&o.BurstWindow),
		"burst_cooldown_seconds": seconds(&o.BurstCooldown),
		"audit":                  func(value json.RawMessage) error { return readAudit(o, value) },
		"guard":                  into(&o.Guard),
		"challenge":              into(&o.Challenge),
		"challenge_returns":      func(value json.RawMessage) error { return readChallenge(o, value) },
		"trusted_proxies":        list(&o.TrustedProxies),
		"forwarded_header":       into(&o.ForwardedHeader),
		"ipv4_prefix":            into(&o.IPv4Prefix),
		"ipv6_prefix":            into(&o.IPv6Prefix),
	}
}

func impossible(json.RawMessage) error { return errNotInGo }

func readRoutes(o *lockwatch.MiddlewareOptions, value json.RawMessage) error {
	routes, err := membersOf(value)
	if err != nil {
		return err
	}
	for _, each := range routes {
		route := lockwatch.Route{Pattern: each.name}
		if each.value[0] != '{' {
			err = limits(&route.Limits)(each.value)
		} else {
			err = readRoute(&route, each.value)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", each.name, err)
		}
		o.Routes = append(o.Routes, route)
	}
	return nil
}

func readRoute(r *lockwatch.Route, value json.RawMessage) error {
	return setters{
		"limits":            limits(&r.Limits),
		"cost":              into(&r.Cost),
		"cost_returns":      returningCost(&r.CostFunc),
		"on_redis_failure":  into(&r.OnRedisFailure),
		"local_share":       into(&r.LocalShare),
		"local_limits":      into(&r.LocalLimits),
		"shadow":            toggle(&r.Shadow),
		"name":              into(&r.Name),
		"key":               into(&r.Key),
		"key_func_returns":  returning(&r.KeyFunc),
		"skip_successful":   toggle(&r.SkipSuccessful),
		"skip_failed":       toggle(&r.SkipFailed),
		"count_when_status": counting(&r.CountWhen),
	}.read(value)
}

// readRouteLimit reads the options of a limit that the application places.
func readRouteLimit(o *lockwatch.RouteLimitOptions, value json.RawMessage) error {
	return setters{
		"name":              into(&o.Name),
		"key_returns":       returning(&o.KeyFunc),
		"limits_returns":    returningLimits(&o.LimitsFunc),
		"cost":              into(&o.Cost),
		"cost_returns":      returningCost(&o.CostFunc),
		"skip_successful":   into(&o.SkipSuccessful),
		"skip_failed":       into(&o.SkipFailed),
		"count_when_status": counting(&o.CountWhen),
		"shadow":            into(&o.Shadow),
		"on_redis_failure":  into(&o.OnRedisFailure),
		"local_share":       into(&o.LocalShare),
		"local_limits":      into(&o.LocalLimits),
		"headers":           list(&o.Headers),
		"key_prefix":        into(&o.KeyPrefix),
	}.read(value)
}

func readOnDenied(o *lockwatch.MiddlewareOptions, value json.RawMessage) error {
	reply, err := replyOf(value)
	o.OnDenied = func(*http.Request, *lockwatch.RateLimitResult) *lockwatch.Reply { return reply }
	return err
}

func readErrorBodies(o *lockwatch.MiddlewareOptions, value json.RawMessage) error {
	members, err := membersOf(value)
	if err != nil {
		return err
	}
	for _, each := range members {
		body := lockwatch.ErrorBody{Type: each.name}
		if err := into(&body.Text)(each.value); err != nil {
			return err
		}
		o.ErrorBodies = append(o.ErrorBodies, body)
	}
	return nil
}

// readEchoes adds functions that return the members of the denial.
func readEchoes(o *lockwatch.MiddlewareOptions, value json.RawMessage) error {
	var types []string
	err := json.Unmarshal(value, &types)
	for _, each := range types {
		o.ErrorBodies = append(o.ErrorBodies, lockwatch.ErrorBody{Type: each, Func: echo})
	}
	return err
}

func echo(_ *http.Request, denial lockwatch.Denial) any {
	var policy *string
	if denial.Policy != "" {
		policy = &denial.Policy
	}
	return struct {
		Status     int     `json:"status"`
		Error      string  `json:"error"`
		RetryAfter *int64  `json:"retry_after"`
		Policy     *string `json:"policy"`
	}{denial.Status, denial.Error, denial.RetryAfter, policy}
}

func readThreshold(o *lockwatch.MiddlewareOptions, value json.RawMessage) error {
	if string(value) == "null" {
		o.NoBursts = true
		o.BurstThreshold, o.BurstWindow, o.BurstCooldown = 0, 0, 0
		return nil
	}
	return into(&o.BurstThreshold)(value)
}

func readAudit(o *lockwatch.MiddlewareOptions, value json.RawMessage) error {
	isOn := true
	err := into(&isOn)(value)
	o.NoAudit = !isOn
	return err
}

func readChallenge(o *lockwatch.MiddlewareOptions, value json.RawMessage) error {
	passed := false
	var reply *lockwatch.Reply
	if value[0] == '{' {
		var err error
		if reply, err = replyOf(value); err != nil {
			return err
		}
	} else if err := into(&passed)(value); err != nil {
		return err
	}
	o.ChallengeFunc = func(*http.Request, *lockwatch.GuardResult) (bool, *lockwatch.Reply, error) { return passed, reply, nil }
	return nil
}
