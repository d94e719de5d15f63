package lockwatch

import (
	"fmt"
	"net/http"
	"strconv"

	"lockwatch/internal/accept"
)

// Errors in the bodies of the middleware's own responses.
const (
	errorExceeded    = "rate_limit_exceeded"
	errorBlocked     = "temporarily_blocked"
	errorChallenge   = "challenge_required"
	errorUnavailable = "service_unavailable"
)

// Types of RFC 9457 and of the IETF's draft of rate limits.
const (
	problemBlank    = "about:blank"
	problemQuota    = "https://iana.org/assignments/http-problem-types#quota-exceeded"
	problemAbnormal = "https://iana.org/assignments/http-problem-types#abnormal-usage-detected"
)

// refusal is a response of the middleware itself, before its media type is chosen.
type refusal struct {
	Denial
	problem, title string
	// isLimit says that a limit denies.
	isLimit bool
}

func exceeded(result *RateLimitResult, policy string) refusal {
	return refusal{
		Denial:  Denial{http.StatusTooManyRequests, errorExceeded, secondsOf(result.RetryAfter), nameOfBinding(result, policy)},
		problem: problemQuota,
		title:   "Request cannot be satisfied as assigned quota has been exceeded",
		isLimit: true,
	}
}

// blocked is the response to a request that a guard denies, or demands a challenge for that nobody
// can pass.
func blocked(retryAfter *int64) refusal {
	return refusal{
		Denial:  Denial{http.StatusTooManyRequests, errorBlocked, retryAfter, ""},
		problem: problemAbnormal,
		title:   "Request not satisfied due to detection of abnormal request pattern",
	}
}

// challengeRequired: a challenge was not passed. Waiting may not help.
func challengeRequired() refusal {
	return refusal{
		Denial:  Denial{http.StatusTooManyRequests, errorChallenge, nil, ""},
		problem: problemBlank,
		title:   http.StatusText(http.StatusTooManyRequests),
	}
}

// serviceUnavailable: Redis failed. The breaker tries it again after about a second.
func serviceUnavailable(policy string) refusal {
	second := int64(1)
	return refusal{
		Denial:  Denial{http.StatusServiceUnavailable, errorUnavailable, &second, policy},
		problem: problemBlank,
		title:   http.StatusText(http.StatusServiceUnavailable),
	}
}

// plainJSON is the body for application/json.
func (r *refusal) plainJSON() string {
	return `{"error":"` + r.Error + `","retry_after":` + r.seconds() + `}`
}

// problemJSON is the body for application/problem+json. Its members and their order are part of the
// contract.
func (r *refusal) problemJSON() string {
	violated := ""
	if r.isLimit {
		violated = `,"violated-policies":["` + r.Policy + `"]`
	}
	return `{"type":"` + r.problem + `","title":"` + r.title + `","status":` + strconv.Itoa(r.Status) + violated +
		`,"error":"` + r.Error + `","retry_after":` + r.seconds() + `}`
}

func (r *refusal) seconds() string {
	if r.RetryAfter == nil {
		return "null"
	}
	return strconv.FormatInt(*r.RetryAfter, 10)
}

// errorBodies are the media types of the middleware's own responses.
type errorBodies struct {
	offered []string
	given   map[string]ErrorBody
}

// onlyJSON are the bodies of limits on routes, whatever the client accepts.
var onlyJSON = errorBodies{offered: []string{accept.JSON}}

func newErrorBodies(given []ErrorBody) (*errorBodies, error) {
	b := &errorBodies{given: map[string]ErrorBody{}}
	for _, each := range given {
		name, ok := accept.TypeOf(each.Type)
		if !ok {
			return nil, configurationError("ErrorBodies has %s: expected a media type, like 'text/html'", shown(each.Type))
		}
		if _, twice := b.given[name]; twice {
			return nil, configurationError("ErrorBodies has '%s' twice", name)
		}
		if each.Func != nil && each.Text != "" {
			return nil, configurationError("ErrorBodies has Text and Func for '%s': give one of both", name)
		}
		b.given[name] = each
		b.offered = append(b.offered, name)
	}
	for _, name := range []string{accept.Problem, accept.JSON} {
		if _, replaced := b.given[name]; !replaced {
			b.offered = append(b.offered, name)
		}
	}
	return b, nil
}

// reply is the response with the body that the client asks for.
func (b *errorBodies) reply(r *http.Request, of refusal) (*Reply, error) {
	name := accept.Choose(r.Header["Accept"], b.offered)
	reply := &Reply{Status: of.Status, Header: http.Header{"Content-Type": {name}}}
	if of.RetryAfter != nil {
		reply.Header[headerRetry] = []string{of.seconds()}
	}
	custom, isCustom := b.given[name]
	if isCustom {
		reply.Header["Content-Type"] = []string{custom.Type}
	}
	switch {
	case isCustom && custom.Func != nil:
		body, err := bodyOf(name, custom.Func(r, of.Denial))
		reply.Body = body
		return reply, err
	case isCustom:
		reply.Body = []byte(custom.Text)
	case name == accept.Problem:
		reply.Body = []byte(of.problemJSON())
	default:
		reply.Body = []byte(of.plainJSON())
	}
	return reply, nil
}

// bodyOf is the body that a function of the application returned.
func bodyOf(name string, returned any) ([]byte, error) {
	switch body := returned.(type) {
	case string:
		return []byte(body), nil
	case []byte:
		return body, nil
	}
	if encoded := compactJSON(returned); encoded != nil {
		return encoded, nil
	}
	return nil, configurationError("the function of ErrorBodies for '%s' returned a %T, which is no text and no JSON",
		name, returned)
}

// checked is a reply that a function of the application returned as an option, with its status.
func (r *Reply) checked(option string) (*Reply, error) {
	if r == nil {
		return nil, nil
	}
	status := r.Status
	if status == 0 {
		status = http.StatusTooManyRequests
	}
	if status < 200 || status > 599 {
		return nil, configurationError("%s returned a reply with the status %d: expected one from 200 to 599", option, status)
	}
	return &Reply{status, r.Header, r.Body}, nil
}

// write sends the reply in place of the application's response, with the headers of a limit.
func (r *Reply) write(w http.ResponseWriter, headers []header) {
	response := w.Header()
	setHeaders(response, headers)
	for name, values := range r.Header {
		response[http.CanonicalHeaderKey(name)] = values
	}
	response["Content-Length"] = []string{strconv.Itoa(len(r.Body))}
	w.WriteHeader(r.Status)
	if len(r.Body) > 0 {
		// The client may have left, and there is nobody to tell.
		_, _ = w.Write(r.Body) //nolint:gosec // a body of the application, or JSON without a text of the client
	}
}

// answerError is OnError of an application that gives none.
func (c *Client) answerError(w http.ResponseWriter, _ *http.Request, err error) {
	c.failures.log("error: "+messageOf(err), fmt.Sprintf("a request is answered 500: %s", messageOf(err)))
	http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
}
