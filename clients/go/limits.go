package lockwatch

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

const (
	// maxLimit is the largest limit: 2^53-1.
	maxLimit = 1<<53 - 1
	// maxLimits is the number of limits that one key accepts.
	maxLimits = 8
	// addressFactor: an address may spend this many times what one unverified credential may spend.
	addressFactor = 10
)

// Limit admits at most Limit units in any trailing Window. The window is whole milliseconds,
// rounded up.
type Limit struct {
	Limit  int64
	Window time.Duration
}

// Limits are one to eight limits that hold together, or a policy that the server holds under a
// name. The zero value is neither, and calls with it are refused.
type Limits struct {
	list   []Limit
	policy string
	// args are the arguments of a command, made once because the same limits are used for every
	// request.
	args []any
}

var (
	policyName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)
	limitText  = regexp.MustCompile(`(?i)^\s*(\d+)\s*(?:/|\s+per\s+)\s*(\d+(?:\.\d+)?)?\s*([a-z]*)\s*$`)
	limitUnits = map[string]float64{
		"ms": 1,
		"s":  1000, "sec": 1000, "second": 1000,
		"m": 60_000, "min": 60_000, "minute": 60_000,
		"h": 3_600_000, "hour": 3_600_000,
		"d": 86_400_000, "day": 86_400_000,
		// The same lengths as in the packages whose limit strings these are.
		"month": 30 * 86_400_000,
		"year":  360 * 86_400_000,
	}
)

// ParseLimits reads limits as people write them: "100/minute; 5000/hour", "10 per 5 minutes",
// "100/60s"; or "@login", a policy of the server.
func ParseLimits(text string) (Limits, error) {
	var list []Limit
	policy, parts := "", 0
	for _, part := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(";,|", r) }) {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		parts++
		if name, isPolicy := strings.CutPrefix(part, "@"); isPolicy {
			if !policyName.MatchString(name) {
				return Limits{}, configurationError("%s is no name of a policy of the server: 1 to 64 of A-Z a-z 0-9 . _ -, "+
					"as in '@login'", shown(name))
			}
			policy = name
			continue
		}
		limit, err := parseLimit(part)
		if err != nil {
			return Limits{}, err
		}
		list = append(list, limit)
	}
	if policy == "" {
		return limitsOf(list, shown(text))
	}
	if parts > 1 {
		return Limits{}, configurationError("%s mixes a policy of the server with other limits: give '@name' alone", shown(text))
	}
	return Limits{policy: policy, args: []any{"@" + policy}}, nil
}

// MustParseLimits is ParseLimits for texts in the source code. It panics if the text is wrong.
func MustParseLimits(text string) Limits {
	limits, err := ParseLimits(text)
	if err != nil {
		panic(err)
	}
	return limits
}

// NewLimits makes limits from numbers.
func NewLimits(limits ...Limit) (Limits, error) {
	list := make([]Limit, len(limits))
	for i, each := range limits {
		if each.Limit < 0 || each.Limit > maxLimit {
			return Limits{}, configurationError("the limit %d is not an integer from 0 to %d", each.Limit, int64(maxLimit))
		}
		if each.Window <= 0 || each.Window > maxDuration {
			return Limits{}, configurationError("the window %v is not between a millisecond and ten years", each.Window)
		}
		each.Window = time.Duration(milliseconds(each.Window)) * time.Millisecond
		list[i] = each
	}
	return limitsOf(list, "the list")
}

func limitsOf(list []Limit, shown string) (Limits, error) {
	if len(list) < 1 || len(list) > maxLimits {
		return Limits{}, configurationError("%s has %d limits: one to %d go on a key", shown, len(list), maxLimits)
	}
	args := make([]any, 0, 2*len(list))
	for _, each := range list {
		args = append(args, strconv.FormatInt(each.Limit, 10), durationArgument(each.Window))
	}
	return Limits{list: list, args: args}, nil
}

func parseLimit(text string) (Limit, error) {
	wrong := configurationError("%s is not a limit: write 100/minute, 10 per 5 minutes, 100/60s; several with ';' between",
		shown(text))
	parts := limitText.FindStringSubmatch(text)
	if parts == nil || (parts[2] == "" && parts[3] == "") {
		return Limit{}, wrong
	}
	unit := 1000.0
	if name := strings.ToLower(parts[3]); name != "" {
		known := false
		// The plural is looked up as the singular; "s" and "ms" stay as they are.
		if unit, known = limitUnits[name]; !known {
			if unit, known = limitUnits[strings.TrimSuffix(name, "s")]; !known {
				return Limit{}, wrong
			}
		}
	}
	limit, err := strconv.ParseInt(parts[1], 10, 64)
	if err != nil || limit > maxLimit {
		return Limit{}, configurationError("the limit %s is not an integer from 0 to %d", parts[1], int64(maxLimit))
	}
	count := 1.0
	if parts[2] != "" {
		if count, err = strconv.ParseFloat(parts[2], 64); err != nil {
			return Limit{}, wrong
		}
	}
	window, err := windowOf(count * unit)
	return Limit{limit, window}, err
}

// windowOf is a window of whole milliseconds, rounded up.
func windowOf(ms float64) (time.Duration, error) {
	// Rounding to six digits first: 1.1 s is 1100.0000000000002 ms in binary, and must not become
	// 1101.
	whole := math.Ceil(math.Round(ms*1e6) / 1e6)
	if !(whole >= 1 && whole <= float64(maxDuration.Milliseconds())) {
		return 0, configurationError("%v ms is not between a millisecond and ten years", ms)
	}
	return time.Duration(whole) * time.Millisecond, nil
}

// List returns the limits; nil for a policy of the server.
func (l Limits) List() []Limit { return append([]Limit(nil), l.list...) }

// Policy returns the name of the policy of the server; empty if these are numbers.
func (l Limits) Policy() string { return l.policy }

// String writes the limits as ParseLimits reads them.
func (l Limits) String() string {
	if l.policy != "" {
		return "@" + l.policy
	}
	parts := make([]string, len(l.list))
	for i, each := range l.list {
		parts[i] = fmt.Sprintf("%d/%d ms", each.Limit, each.Window.Milliseconds())
	}
	return strings.Join(parts, "; ")
}

// IsZero says that there are no limits.
func (l Limits) IsZero() bool { return len(l.args) == 0 }

func (l Limits) check() error {
	if l.IsZero() {
		return configurationError("the limits are empty: write lockwatch.ParseLimits(\"100/minute\")")
	}
	return nil
}

// forAddress is what an address may spend if each of its unverified credentials may spend these.
func (l Limits) forAddress() (Limits, error) {
	if l.policy != "" {
		return Limits{}, configurationError("the limits '@%s' count by credential, and an address gets ten times their "+
			"numbers, which only the server knows: give the middleware AddressLimits, or the route limits as numbers", l.policy)
	}
	list := make([]Limit, len(l.list))
	for i, each := range l.list {
		list[i] = Limit{maxLimit, each.Window}
		if each.Limit < maxLimit/addressFactor {
			list[i].Limit = each.Limit * addressFactor
		}
	}
	return limitsOf(list, "the list")
}

// binding is the pair that a reply refers to. Redis names the limit only; of equal limits the
// longest window is meant.
func (l Limits) binding(limit int64) Limit {
	var longest, named Limit
	for _, each := range l.list {
		if each.Limit == limit && each.Window > named.Window {
			named = each
		}
		if each.Window > longest.Window {
			longest = each
		}
	}
	if named.Window > 0 {
		return named
	}
	return longest
}
