package lockwatch

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"lockwatch/internal/address"
	"lockwatch/internal/pattern"
)

const defaultAuditQueue = 10_000

// limiter is a middleware without its next handler.
type limiter struct {
	client           *Client
	policies         *policies
	keys             keySpace
	prefixes         address.Prefixes
	proxies          *address.Proxies
	credentialHeader string
	addressLimits    Limits
	plan             limitsFunc
	burst            burstSettings
	guard            *siteGuard
	formats          headerFormats
	responses        responses
	onError          func(http.ResponseWriter, *http.Request, error)
	// audit is nil if requests are not recorded.
	audit *sendQueue
}

// burstSettings have a threshold of 0 if bursts are not counted.
type burstSettings struct {
	threshold        int64
	window, cooldown time.Duration
}

// Middleware limits, counts and records the requests to a handler. All that is wrong with the
// options is an error now, and not with the first request.
func Middleware(client *Client, options MiddlewareOptions) (func(http.Handler) http.Handler, error) {
	made, err := newLimiter(client, &options)
	if err != nil {
		return nil, err
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { made.serve(w, r, next) })
	}, nil
}

// Must returns the value, or panics with the error. It is for limits where routes are declared.
func Must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// serve is the middleware for one request.
func (l *limiter) serve(w http.ResponseWriter, r *http.Request, next http.Handler) {
	c, err := l.check(r)
	switch {
	case errors.Is(err, errExemptClient):
		next.ServeHTTP(w, exemptFrom(r))
		return
	case err != nil:
		l.onError(w, r, err)
		return
	case c == nil:
		next.ServeHTTP(w, r)
		return
	}
	r = c.passOn(r)
	c.writer = newResponseWriter(w, r, c)
	writer := &c.writer
	completed := false
	defer func() {
		// A panic of the application goes on to the server, which answers nothing more.
		if !completed && writer.finalStatus() != statusClientGone {
			writer.status = http.StatusInternalServerError
		}
		c.finish(writer.finalStatus(), writer.Header())
	}()
	switch found := c.decide(r); {
	case found.err != nil:
		// Nothing was decided about the request, so there is nothing to record.
		c.ended = true
		l.onError(writer, r, found.err)
	case found.reply != nil:
		found.reply.write(writer, found.headers)
	default:
		next.ServeHTTP(writer, r)
		writer.finish()
	}
	completed = true
}

var errExemptClient = errors.New("the client is exempt")

// check starts the check of a request. It is nil if the request is exempt, or was counted by this
// middleware already.
func (l *limiter) check(r *http.Request) (*check, error) {
	started := time.Now()
	paths := pathsOf(r)
	policy := l.policies.of(paths)
	if policy == nil {
		return nil, nil
	}
	addr, err := l.proxies.Client(peerOf(r), func(name string) []string { return r.Header[name] })
	if err != nil {
		return nil, configurationError("%s", err)
	}
	if l.policies.isExemptClient(addr) {
		return nil, errExemptClient
	}
	// The state of a middleware in front of this one, which records the request.
	state := StateOf(r.Context())
	c := &check{limiter: l, policy: policy, state: state, method: r.Method, path: shortened(paths[0].Text()), started: started}
	if state == nil {
		c.ownsState = true
		c.state = &c.own.state
		c.own.state.policy, c.own.state.address, c.own.state.outer = policy.name, addr, l
		c.own.state.counted, c.own.state.charge = &c.own.counted, &c.own.charge
	}
	if !c.state.counted.enters(l, policy.name) {
		return nil, nil
	}
	return c, nil
}

// passOn returns the request with the state in its context.
func (c *check) passOn(r *http.Request) *http.Request {
	if !c.ownsState {
		return r
	}
	r = r.WithContext(context.WithValue(r.Context(), stateKey{}, c.state))
	c.state.request = r
	return r
}

// addHeaders adds the headers of the limit to a response, unless the application has set them.
func (c *check) addHeaders(response http.Header) {
	if !c.ownsState {
		return
	}
	c.state.mu.Lock()
	defer c.state.mu.Unlock()
	addMissing(response, c.state.headers)
}

// finish does what comes after the response, once. The response to the handshake of a WebSocket
// ends before the connection does.
func (c *check) finish(status int, headers http.Header) {
	if c.ended {
		return
	}
	c.ended = true
	if c.ownsState {
		c.state.charge.finish(status, headers)
	}
	c.report(status)
}

// report tells the guard about the response, and records the request.
func (c *check) report(status int) {
	if c.guarded && c.goesOn {
		c.limiter.guard.report(c.state, status, c.path)
	}
	if !c.ownsState || c.limiter.audit == nil {
		return
	}
	if c.state.Failure() == reasonBypassed {
		c.limiter.audit.bypass()
		return
	}
	c.limiter.audit.record(c.event(status, time.Since(c.started)))
}

// event is LW.AUDIT.
func (c *check) event(status int, took time.Duration) command {
	state := c.state
	ip, user := state.caller()
	state.mu.Lock()
	defer state.mu.Unlock()
	event := command{args: make([]any, 0, 16), key: c.key}
	event.args = append(event.args, "LW.AUDIT")
	event = event.with("USER", shortened(user)).with("IP", ip)
	if method, ok := pattern.MethodArgument(c.method); ok {
		event = event.with("METHOD", method)
	}
	event.args = append(event.args, "ENDPOINT", c.path)
	if status >= 100 && status <= 599 {
		event.args = append(event.args, "STATUS", strconv.Itoa(status))
	}
	event = event.flag("LIMITED", state.limited).flag("ANOMALY", state.burst != nil && state.burst.Burst)
	event.args = append(event.args, "LATENCY", strconv.FormatFloat(float64(took)/float64(time.Millisecond), 'f', 3, 64)+"ms")
	return event.with("DATA", string(state.denial))
}

// maxTextBytes is more than the server keeps of any text.
const maxTextBytes = 4096

// shortened is a text that the client of a request has sent, without what the server would cut off.
// Headers may have a megabyte, and all calls of a batch would wait for it.
func shortened(text string) string { return cut(text, maxTextBytes) }

// cut is the beginning of a text. It does not end within a character.
func cut(text string, size int) string {
	if len(text) <= size {
		return text
	}
	end := size
	for end > size-utf8.UTFMax && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end]
}

// pathsOf returns the path that the client asked for, and that which the router sees if they
// differ.
func pathsOf(r *http.Request) []pattern.Path {
	routed := r.URL.EscapedPath()
	asked := routed
	if r.RequestURI != "" {
		asked = pattern.OfTarget(r.RequestURI)
	}
	paths := []pattern.Path{pattern.NewPath(r.Method, asked)}
	if asked != routed && routed != "" {
		paths = append(paths, pattern.NewPath(r.Method, routed))
	}
	return paths
}

// peerOf is the other end of the connection.
func peerOf(r *http.Request) address.Peer {
	if r.RemoteAddr == "" || r.RemoteAddr == "@" {
		return address.Peer{Unix: true}
	}
	if local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok && strings.HasPrefix(local.Network(), "unix") {
		return address.Peer{Unix: true}
	}
	return address.Peer{Text: r.RemoteAddr}
}
