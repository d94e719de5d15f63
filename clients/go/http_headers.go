package lockwatch

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// header is a header of a response. Its name is in canonical form.
type header struct{ name, value string }

// headerFormats are the forms of a limit's headers that are sent.
type headerFormats struct{ legacy, draft7, draft11 bool }

// Names in the form in which http.Header keeps them.
const (
	headerLimit     = "X-Ratelimit-Limit"
	headerRemaining = "X-Ratelimit-Remaining"
	headerReset     = "X-Ratelimit-Reset"
	headerCurrent   = "Ratelimit"
	headerPolicy    = "Ratelimit-Policy"
	headerRetry     = "Retry-After"
)

func parseFormats(given []HeaderFormat) (headerFormats, error) {
	if given == nil {
		return headerFormats{legacy: true, draft11: true}, nil
	}
	var formats headerFormats
	none := false
	for _, format := range given {
		switch format {
		case HeadersLegacy:
			formats.legacy = true
		case HeadersDraft7:
			formats.draft7 = true
		case HeadersDraft11:
			formats.draft11 = true
		case HeadersNone:
			none = true
		default:
			return formats, configurationError("Headers has %s: expected legacy, draft-7, draft-11 or none", shown(string(format)))
		}
	}
	switch {
	case formats.draft7 && formats.draft11:
		return formats, configurationError("Headers has draft-7 and draft-11, which use the same names: give one of both")
	case none && formats != headerFormats{}:
		return formats, configurationError("Headers has none and another form: give none alone")
	case !none && formats == headerFormats{}:
		return formats, configurationError("Headers is empty: give HeadersNone to send none")
	}
	return formats, nil
}

// announced is RateLimit-Policy of limits under a name, made once.
type announced struct {
	first *Limit
	text  string
}

// announce makes the header of limits that apply to most requests.
func (f headerFormats) announce(limits Limits, policy string) announced {
	result := &RateLimitResult{Limits: limits}
	switch {
	case limits.Policy() != "" || limits.IsZero():
		return announced{}
	case f.draft11:
		return announced{&limits.list[0], policyList(result, policy)}
	default:
		return announced{&limits.list[0], plainPolicyList(result)}
	}
}

// of returns the header of the limits of a result, or makes it.
func (a announced) of(result *RateLimitResult, otherwise func() string) string {
	if limits := result.Limits.list; len(limits) > 0 && &limits[0] == a.first {
		return a.text
	}
	return otherwise()
}

// headersOf returns the headers of a limit under the name of a policy, without Retry-After.
func (f headerFormats) headersOf(result *RateLimitResult, policy string, known announced) []header {
	headers := make([]header, 0, 5)
	limit, remaining := strconv.FormatInt(result.Limit, 10), strconv.FormatInt(result.Remaining, 10)
	reset := strconv.FormatInt(secondsRoundedUp(result.ResetAfter), 10)
	if f.legacy {
		headers = append(headers, header{headerLimit, limit}, header{headerRemaining, remaining}, header{headerReset, reset})
	}
	if f.draft11 {
		headers = append(headers,
			header{headerPolicy, known.of(result, func() string { return policyList(result, policy) })},
			header{headerCurrent, `"` + nameOfBinding(result, policy) + `";r=` + remaining + ";t=" + reset})
	}
	if f.draft7 {
		headers = append(headers,
			header{headerPolicy, known.of(result, func() string { return plainPolicyList(result) })},
			header{headerCurrent, "limit=" + limit + ", remaining=" + remaining + ", reset=" + reset})
	}
	return headers
}

// policyList is RateLimit-Policy of draft 11.
func policyList(result *RateLimitResult, policy string) string {
	limits := result.Limits.list
	// The windows of a policy of the server are not known.
	if len(limits) == 0 {
		return `"` + policy + `";q=` + strconv.FormatInt(result.Limit, 10)
	}
	var list strings.Builder
	for i, each := range limits {
		if i > 0 {
			list.WriteString(", ")
		}
		list.WriteString(`"` + nameOfWindow(limits, each, policy) + `";q=` + strconv.FormatInt(each.Limit, 10))
		list.WriteString(windowParameter(each.Window))
	}
	return list.String()
}

// plainPolicyList is RateLimit-Policy of draft 7.
func plainPolicyList(result *RateLimitResult) string {
	if len(result.Limits.list) == 0 {
		return strconv.FormatInt(result.Limit, 10)
	}
	items := make([]string, len(result.Limits.list))
	for i, each := range result.Limits.list {
		items[i] = strconv.FormatInt(each.Limit, 10) + windowParameter(each.Window)
	}
	return strings.Join(items, ", ")
}

// windowParameter is in whole seconds, so other windows have none.
func windowParameter(window time.Duration) string {
	if window%time.Second != 0 {
		return ""
	}
	return ";w=" + strconv.FormatInt(int64(window/time.Second), 10)
}

// nameOfBinding is the name of the limit that binds, as in RateLimit.
func nameOfBinding(result *RateLimitResult, policy string) string {
	if binding, found := bindingWindow(result); found {
		return nameOfWindow(result.Limits.list, binding, policy)
	}
	return policy
}

// nameOfWindow is the name of one of several limits of a policy.
func nameOfWindow(limits []Limit, one Limit, policy string) string {
	if len(limits) == 1 {
		return policy
	}
	length := durationArgument(one.Window)
	if !strings.HasSuffix(length, "ms") {
		length += "s"
	}
	return policy + "-" + length
}

// bindingWindow is the limit that a reply names. A reply has no window: of equal limits, the one
// with the longest window binds.
func bindingWindow(result *RateLimitResult) (binding Limit, found bool) {
	for _, each := range result.Limits.list {
		if each.Limit == result.Limit && (!found || each.Window > binding.Window) {
			binding, found = each, true
		}
	}
	return binding, found
}

// retryHeader is Retry-After of a denial; false if waiting does not help.
func retryHeader(result *RateLimitResult) (header, bool) {
	if result.Allowed {
		return header{}, false
	}
	seconds, ok := retrySeconds(result.RetryAfter)
	return header{headerRetry, strconv.FormatInt(seconds, 10)}, ok
}

// setHeaders sets headers on a response, in place of those of the same name.
func setHeaders(response http.Header, headers []header) {
	for _, each := range headers {
		response[each.name] = []string{each.value}
	}
}

// addMissing sets the headers that a response does not have.
func addMissing(response http.Header, headers []header) {
	values := make([]string, len(headers))
	for i, each := range headers {
		if _, present := response[each.name]; !present {
			values[i] = each.value
			response[each.name] = values[i : i+1 : i+1]
		}
	}
}
