package lockwatch

import (
	"net/http"
	"time"
)

// Key says what a request counts for, without a function.
type Key string

const (
	// KeyAddress limits the address of the client.
	KeyAddress Key = "address"
	// KeyCredential limits each value of the header CredentialHeader, and with higher limits the
	// address that it comes from.
	KeyCredential Key = "credential"
)

// FailureMode says what happens to a request if Redis fails.
type FailureMode string

const (
	// FailAllow lets the request through.
	FailAllow FailureMode = "allow"
	// FailDeny answers 503.
	FailDeny FailureMode = "deny"
	// FailLocal asks a limiter in this process.
	FailLocal FailureMode = "local"
)

// Switch is a setting of a route that can be left out.
type Switch int8

const (
	// Inherit takes the setting of the middleware.
	Inherit Switch = iota
	// On sets it.
	On
	// Off does not set it.
	Off
)

// ChallengeMode says what happens to a request that the guard of the middleware challenges.
type ChallengeMode string

const (
	// ChallengeAllow lets the request go on.
	ChallengeAllow ChallengeMode = "allow"
	// ChallengeDeny answers 429.
	ChallengeDeny ChallengeMode = "deny"
)

// HeaderFormat is a form of the headers of a limit.
type HeaderFormat string

const (
	// HeadersLegacy is X-RateLimit-Limit, -Remaining and -Reset.
	HeadersLegacy HeaderFormat = "legacy"
	// HeadersDraft11 is RateLimit and RateLimit-Policy as in draft 11 of the IETF.
	HeadersDraft11 HeaderFormat = "draft-11"
	// HeadersDraft7 is RateLimit and RateLimit-Policy as in draft 7.
	HeadersDraft7 HeaderFormat = "draft-7"
	// HeadersNone sends no headers but Retry-After.
	HeadersNone HeaderFormat = "none"
)

// ByAddress is what a KeyFunc returns to limit a request by its address.
const ByAddress = ""

// KeyFunc returns whom a request counts for, for example a tenant. With ByAddress the address
// counts. With the error ErrNoLimit no limit applies. If Redis is away, it returns the error of the
// client that it asked; an error of the network is taken as one of Redis. After any other error the
// request is answered 500.
type KeyFunc func(r *http.Request) (string, error)

// LimitsFunc returns limits for a request, like "100/minute", or "" for none of its own.
type LimitsFunc func(r *http.Request) (string, error)

// CostFunc returns the number of units that a request takes, which is at least 1.
type CostFunc func(r *http.Request) (int64, error)

// CountWhen returns whether a request counts, once its response has been written.
type CountWhen func(response FinishedResponse) bool

// FinishedResponse is what CountWhen is given.
type FinishedResponse struct {
	// Status is 499 if the client left before the response was complete.
	Status int
	Header http.Header
}

// OnDenied returns the response to a request that a limit denied, or nil for the usual one. The
// headers of the limit are added.
type OnDenied func(r *http.Request, result *RateLimitResult) *Reply

// ChallengeFunc decides about a request that a guard challenges. It goes on if the client has
// passed the challenge; otherwise the reply is sent, or 429 if it is nil.
type ChallengeFunc func(r *http.Request, result *GuardResult) (passed bool, reply *Reply, err error)

// Reply is a response in place of the application's.
type Reply struct {
	// Status is 429 if it is 0.
	Status int
	Header http.Header
	Body   []byte
}

// ErrorBody is the body of the middleware's own responses for clients that ask for a media type. It
// is a text, or a function that returns a string, a []byte, or a value that is sent as JSON.
type ErrorBody struct {
	// Type is a media type, which is sent as it is written, like "text/html; charset=utf-8".
	Type string
	Text string
	Func func(r *http.Request, denial Denial) any
}

// Denial is a response of the middleware itself.
type Denial struct {
	// Status is 429 or 503.
	Status int
	// Error is rate_limit_exceeded, temporarily_blocked, challenge_required or service_unavailable.
	Error string
	// RetryAfter is in whole seconds; nil if waiting does not help.
	RetryAfter *int64
	// Policy is the name as in RateLimit; that of the policy for 503, and empty for a guard.
	Policy string
}

// MiddlewareOptions are the options of Middleware. The zero value of each is its default.
type MiddlewareOptions struct {
	// Limits of the default policy, like "100/minute; 5000/hour" or "@name" for a policy of the
	// server. 100 a minute by default.
	Limits string
	// RateLimitRequests and RateLimitWindow are the same for one limit.
	RateLimitRequests int64
	RateLimitWindow   time.Duration
	// PlanFunc returns limits in place of those of the default policy, for example for paying
	// customers. With "" those of the default policy apply.
	PlanFunc LimitsFunc
	// Cost is the number of units that a request takes. 1 by default. CostFunc overrides it.
	Cost     int64
	CostFunc CostFunc
	// Key is KeyAddress by default. KeyFunc excludes KeyCredential.
	Key     Key
	KeyFunc KeyFunc
	// CredentialHeader is Authorization by default.
	CredentialHeader string
	// AddressLimits are those of an address with credentials, under the default policy. Ten times
	// each limit by default, as under other policies.
	AddressLimits string
	// Routes have policies of their own. The first pattern that matches applies.
	Routes []Route
	// Exempt are patterns of paths ("/healthz"), and addresses and networks ("10.0.0.0/8", "unix")
	// of clients, whose requests are not limited, counted, checked or recorded.
	Exempt []string
	// SkipSuccessful gives the units of a request back after a response with a status below 400,
	// SkipFailed of 400 or above. CountWhen counts a request after its response. They exclude each
	// other.
	SkipSuccessful bool
	SkipFailed     bool
	CountWhen      CountWhen
	// Shadow evaluates limits, sets their headers and records denials, and denies nothing.
	Shadow bool
	// OnRedisFailure is FailAllow by default.
	OnRedisFailure FailureMode
	// LocalShare is the part of each limit that FailLocal allows in this process, above 0 and at
	// most 1. 1 by default.
	LocalShare float64
	// LocalLimits are the limits of FailLocal in place of "@name", which is not known here.
	LocalLimits string
	// OnDenied makes the response to a request that a limit denied.
	OnDenied OnDenied
	// ErrorBodies add media types to the bodies of the middleware's own responses, or replace those
	// of application/json and application/problem+json.
	ErrorBodies []ErrorBody
	// Headers are HeadersLegacy and HeadersDraft11 by default.
	Headers []HeaderFormat
	// BurstThreshold is the number of requests in BurstWindow that is a burst. 50 in 10 seconds by
	// default. NoBursts turns the detection off.
	BurstThreshold int64
	BurstWindow    time.Duration
	NoBursts       bool
	// BurstCooldown is the least time between two alerts of a client. The module's 60 seconds by
	// default.
	BurstCooldown time.Duration
	// NoAudit records no requests.
	NoAudit bool
	// AuditQueueSize is the number of events that wait for Redis; further ones are lost. 10,000 by
	// default.
	AuditQueueSize int
	// Guard is the Redis key of a guard that every request is checked by. Challenge says what
	// happens to a request that it challenges; ChallengeFunc overrides it.
	Guard         string
	Challenge     ChallengeMode
	ChallengeFunc ChallengeFunc
	// TrustedProxies are addresses and networks whose ForwardedHeader is read; "unix" is the peer
	// of a Unix socket.
	TrustedProxies []string
	// ForwardedHeader is X-Forwarded-For by default. Forwarded is read by RFC 7239.
	ForwardedHeader string
	// IPv4Prefix, 8 to 32, and IPv6Prefix, 16 to 128, say how many bits of an address are one
	// client. 32 and 64 by default.
	IPv4Prefix int
	IPv6Prefix int
	// KeyPrefix begins every key. "lw" by default.
	KeyPrefix string
	// OnError answers a request that cannot be decided, because of an error of the configuration or
	// of a function of the application. By default it is answered 500, and the error is logged.
	OnError func(w http.ResponseWriter, r *http.Request, err error)
}

// Route is a pattern and its policy. A setting that is left out is that of the middleware.
type Route struct {
	// Pattern is [METHOD[,METHOD] ]/path, like "POST /login" or "/export/**".
	Pattern string
	// Limits are counted apart from those of other routes. Without them the route counts against
	// the default policy.
	Limits         string
	Cost           int64
	CostFunc       CostFunc
	OnRedisFailure FailureMode
	LocalShare     float64
	LocalLimits    string
	Shadow         Switch
	// Name is part of the keys and of the header RateLimit. It is derived from the pattern by
	// default.
	Name string
	// Key and KeyFunc replace those of the middleware, if there are limits.
	Key     Key
	KeyFunc KeyFunc
	// A route that sets one of these has a choice of its own, also with Off.
	SkipSuccessful Switch
	SkipFailed     Switch
	CountWhen      CountWhen
}

// RouteLimitOptions are the options of RouteLimit. The zero value of each is its default.
type RouteLimitOptions struct {
	// Name is part of the key and of the header RateLimit. It is derived from the route by default.
	Name string
	// KeyFunc returns whom a request counts for. By default it is the address that the middleware
	// found, and without a middleware the address of the peer.
	KeyFunc KeyFunc
	// LimitsFunc returns the limits in place of those that are given. With "" the limit does not
	// apply.
	LimitsFunc     LimitsFunc
	Cost           int64
	CostFunc       CostFunc
	SkipSuccessful bool
	SkipFailed     bool
	CountWhen      CountWhen
	Shadow         bool
	OnRedisFailure FailureMode
	LocalShare     float64
	LocalLimits    string
	OnDenied       OnDenied
	KeyPrefix      string
	// Headers are those of the middleware of the request by default.
	Headers []HeaderFormat
	// Route returns [METHOD[,METHOD] ]/path of the route that a request has matched, or "" if it is
	// not known. By default it is the pattern of http.ServeMux. It is for other routers.
	Route func(r *http.Request) string
	// OnError is like that of MiddlewareOptions.
	OnError func(w http.ResponseWriter, r *http.Request, err error)
}
