package lockwatch

import (
	"net/textproto"
	"regexp"
	"time"

	"lockwatch/internal/address"
)

var headerToken = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")

// newLimiter checks all options.
func newLimiter(client *Client, o *MiddlewareOptions) (*limiter, error) {
	if client == nil {
		return nil, configurationError("the client is nil: make one with lockwatch.Open(\"redis://localhost:6379\", …)")
	}
	l := &limiter{client: client, onError: o.OnError, plan: limitsFunc{"PlanFunc", o.PlanFunc}}
	if l.onError == nil {
		l.onError = client.answerError
	}
	steps := []func(*MiddlewareOptions) error{l.setPolicies, l.setAddresses, l.setBurst, l.setResponses, l.setGuard}
	for _, set := range steps {
		if err := set(o); err != nil {
			return nil, err
		}
	}
	if o.AuditQueueSize < 0 {
		return nil, configurationError("AuditQueueSize is %d: expected at least 1", o.AuditQueueSize)
	}
	if !o.NoAudit {
		size := o.AuditQueueSize
		if size == 0 {
			size = defaultAuditQueue
		}
		l.audit = client.newAuditQueue(size)
	}
	return l, nil
}

func (l *limiter) setPolicies(o *MiddlewareOptions) (err error) {
	if l.policies, err = newPolicies(o); err != nil {
		return err
	}
	if l.keys, err = newKeySpace(l.client, o.KeyPrefix); err != nil {
		return err
	}
	if l.credentialHeader, err = headerName("CredentialHeader", o.CredentialHeader, "Authorization"); err != nil {
		return err
	}
	if o.AddressLimits != "" {
		if l.addressLimits, err = ParseLimits(o.AddressLimits); err != nil {
			return configurationError("AddressLimits: %s", messageOf(err))
		}
	}
	return nil
}

func (l *limiter) setAddresses(o *MiddlewareOptions) error {
	l.prefixes = address.Prefixes{IPv4: address.DefaultIPv4, IPv6: address.DefaultIPv6}
	if o.IPv4Prefix != 0 {
		l.prefixes.IPv4 = o.IPv4Prefix
	}
	if o.IPv6Prefix != 0 {
		l.prefixes.IPv6 = o.IPv6Prefix
	}
	if l.prefixes.IPv4 < 8 || l.prefixes.IPv4 > 32 {
		return configurationError("IPv4Prefix is %d: expected 8 to 32", l.prefixes.IPv4)
	}
	if l.prefixes.IPv6 < 16 || l.prefixes.IPv6 > 128 {
		return configurationError("IPv6Prefix is %d: expected 16 to 128", l.prefixes.IPv6)
	}
	header, err := headerName("ForwardedHeader", o.ForwardedHeader, "X-Forwarded-For")
	if err != nil {
		return err
	}
	if l.proxies, err = address.NewProxies(o.TrustedProxies, header, l.client.notice); err != nil {
		return configurationError("TrustedProxies: %s", err)
	}
	return nil
}

func (l *limiter) setBurst(o *MiddlewareOptions) error {
	if o.NoBursts {
		if o.BurstThreshold != 0 || o.BurstWindow != 0 || o.BurstCooldown != 0 {
			return configurationError("NoBursts is given together with a setting of bursts: give one of both")
		}
		return nil
	}
	l.burst = burstSettings{50, 10 * time.Second, o.BurstCooldown}
	if o.BurstThreshold != 0 {
		l.burst.threshold = o.BurstThreshold
	}
	if o.BurstWindow != 0 {
		l.burst.window = o.BurstWindow
	}
	if l.burst.threshold < 1 || l.burst.threshold > maxLimit {
		return configurationError("BurstThreshold is %d: expected an integer from 1 to %d", l.burst.threshold, int64(maxLimit))
	}
	if err := checkDuration("BurstWindow", l.burst.window); err != nil {
		return err
	}
	if l.burst.cooldown == 0 {
		return nil
	}
	return checkDuration("BurstCooldown", l.burst.cooldown)
}

func checkDuration(option string, duration time.Duration) error {
	if duration < time.Millisecond || duration > maxDuration {
		return configurationError("%s is %v: expected a duration between a millisecond and ten years", option, duration)
	}
	return nil
}

func (l *limiter) setResponses(o *MiddlewareOptions) (err error) {
	if l.formats, err = parseFormats(o.Headers); err != nil {
		return err
	}
	l.policies.announce(l.formats)
	l.responses.onDenied = o.OnDenied
	l.responses.bodies, err = newErrorBodies(o.ErrorBodies)
	return err
}

func (l *limiter) setGuard(o *MiddlewareOptions) (err error) {
	l.guard, err = newSiteGuard(l.client, o, l.responses.bodies)
	return err
}

// headerName is an option that names a header, in canonical form.
func headerName(option, given, fallback string) (string, error) {
	if given == "" {
		given = fallback
	}
	if !headerToken.MatchString(given) {
		return "", configurationError("%s is %s: expected the name of a header, like '%s'", option, shown(given), fallback)
	}
	return textproto.CanonicalMIMEHeaderKey(given), nil
}
