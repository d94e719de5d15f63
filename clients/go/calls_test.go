package lockwatch

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"lockwatch/internal/casefile"
)

// call is a case of the section "calls": one method, what it sends, and what it returns.
type call struct {
	Name, Method string
	Args         arguments
	Command      []string
	Reply        json.RawMessage
	Exchanges    []exchange
	Slow         bool
	Result       json.RawMessage
	Error        *struct {
		Kind, Code string
		MessageHas string `json:"message_has"`
	}
}

type exchange struct {
	Command []string
	Reply   json.RawMessage
}

var errorKinds = map[string]error{
	"argument": ErrConfiguration, "command": ErrCommand, "unavailable": ErrUnavailable, "module_missing": ErrModuleMissing,
	"full": ErrFull, "no_policy": ErrNoPolicy, "no_rule": ErrNoRule, "no_key": ErrNoKey, "conflict": ErrConflict,
	"token_invalid": ErrTokenInvalid, "token_expired": ErrTokenExpired, "token_revoked": ErrTokenRevoked,
	"token_reused": ErrTokenReused,
}

var leaseID = regexp.MustCompile(`^[0-9a-f]{32}$`)

func TestCallsAreThoseOfTheConformanceFile(t *testing.T) {
	var cases []call
	casefile.Section(t, "calls", &cases)
	for _, each := range cases {
		t.Run(each.Name, func(t *testing.T) { each.play(t) })
	}
}

func (c *call) play(t *testing.T) {
	t.Helper()
	exchanges := c.Exchanges
	if exchanges == nil && c.Command != nil {
		exchanges = []exchange{{c.Command, c.Reply}}
	}
	var replies []json.RawMessage
	expected := [][]string{}
	for _, each := range exchanges {
		replies, expected = append(replies, each.Reply), append(expected, each.Command)
	}
	asked, idle := startWire(t, replies...), startWire(t)
	open := openClient
	if strings.Contains(string(c.Reply), `"timeout"`) {
		open = defaultClient
	}
	lw := open(t, asked.url())
	other := openClient(t, idle.url())
	if c.Slow {
		lw.link, other.link = other.link, lw.link
	} else {
		lw.slow, other.slow = other.slow, lw.slow
	}
	method, known := methods[c.Method]
	if !known {
		t.Fatalf("the method %q is not known", c.Method)
	}
	result, err := method(lw, t.Context(), &c.Args)
	var refused *notInGoError
	if errors.As(err, &refused) && c.Error != nil && c.Error.Kind == "argument" {
		// The compiler refuses these arguments.
		return
	}
	c.checkCommands(t, asked.commands(), expected)
	if others := idle.commands(); len(others) > 0 {
		t.Errorf("the other connection was sent %v", others)
	}
	if c.Error != nil {
		c.checkError(t, err)
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	c.checkResult(t, result)
}

func (c *call) checkCommands(t *testing.T, sent, expected [][]string) {
	t.Helper()
	for i, words := range sent {
		for at, word := range words {
			if leaseID.MatchString(word) && i < len(expected) && at < len(expected[i]) && expected[i][at] == "<lease id>" {
				words[at] = "<lease id>"
			}
		}
	}
	if len(sent) != len(expected) || len(sent) > 0 && !reflect.DeepEqual(sent, expected) {
		t.Errorf("sent: %q, not %q", sent, expected)
	}
}

func (c *call) checkError(t *testing.T, err error) {
	t.Helper()
	var failure *Error
	if !errors.As(err, &failure) || !errors.Is(failure.kind, errorKinds[c.Error.Kind]) ||
		!errors.Is(errorKinds[c.Error.Kind], failure.kind) {
		t.Fatalf("the error is %v, not one of the kind %s", err, c.Error.Kind)
	}
	if c.Error.Code != "" && failure.Code != c.Error.Code || !strings.Contains(failure.Message, c.Error.MessageHas) {
		t.Fatalf("the error is %s %q", failure.Code, failure.Message)
	}
}

func (c *call) checkResult(t *testing.T, result any) {
	t.Helper()
	text := ok[[]byte](t)(json.Marshal(result))
	var got, want any
	if err := errors.Join(json.Unmarshal(text, &got), json.Unmarshal(c.Result, &want)); err != nil {
		t.Fatal(err)
	}
	if where := difference("result", got, want); where != "" {
		t.Errorf("%s (%s)", where, text)
	}
}

// difference says where a result is not what is wanted. Of an object only the members that are
// wanted are compared.
func difference(at string, got, want any) string {
	switch wanted := want.(type) {
	case map[string]any:
		found, isMap := got.(map[string]any)
		if !isMap {
			return fmt.Sprintf("%s is %v, and no object", at, got)
		}
		for name, value := range wanted {
			if text := difference(at+"."+name, found[name], value); text != "" {
				return text
			}
		}
		return ""
	case []any:
		found, isList := got.([]any)
		if !isList || len(found) != len(wanted) {
			return fmt.Sprintf("%s is %v, not %v", at, got, want)
		}
		for i := range wanted {
			if text := difference(at+"["+strconv.Itoa(i)+"]", found[i], wanted[i]); text != "" {
				return text
			}
		}
		return ""
	}
	if !reflect.DeepEqual(got, want) {
		return fmt.Sprintf("%s is %v, not %v", at, got, want)
	}
	return ""
}

// notInGoError says that arguments cannot be written in Go.
type notInGoError struct{ argument string }

func (e *notInGoError) Error() string { return e.argument + " can't be written in Go" }

// arguments are those of a call, by their names in Python.
type arguments struct {
	values map[string]any
	raw    map[string]json.RawMessage
	err    error
}

func (a *arguments) UnmarshalJSON(text []byte) error {
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	decoder.UseNumber()
	return errors.Join(decoder.Decode(&a.values), json.Unmarshal(text, &a.raw))
}

func (a *arguments) has(name string) bool { return a.values[name] != nil }

// text is a text, or a whole number as a text.
func (a *arguments) text(name string) string {
	switch value := a.values[name].(type) {
	case string:
		return value
	case json.Number:
		return value.String()
	}
	return ""
}

func (a *arguments) flag(name string) bool {
	value, _ := a.values[name].(bool)
	return value
}

func (a *arguments) number(name string) int64 {
	value, _ := a.values[name].(json.Number)
	number, _ := value.Int64()
	return number
}

// cost is a cost as this package takes it.
func (a *arguments) cost(value any) int64 {
	number, given := value.(json.Number)
	if !given {
		return 0
	}
	if cost, _ := number.Int64(); cost != 0 {
		return cost
	}
	return Free
}

func (a *arguments) time(name string) time.Time {
	if !a.has(name) {
		return time.Time{}
	}
	return time.UnixMilli(a.number(name))
}

// duration is seconds, or a text with a unit.
func (a *arguments) duration(name string) time.Duration {
	if !a.has(name) {
		return 0
	}
	parsed := a.durationOf(a.values[name])
	if parsed == 0 && name == "cooldown" {
		a.err = &notInGoError{"a cooldown of 0 beside none"}
	}
	return parsed
}

func (a *arguments) durationOf(value any) time.Duration {
	text, isText := value.(string)
	if number, isNumber := value.(json.Number); isNumber {
		text = number.String() + "s"
	} else if isText && strings.Trim(text, "0123456789.") == "" {
		text += "s"
	}
	if days, isDays := strings.CutSuffix(text, "d"); isDays {
		number, _ := strconv.ParseFloat(days, 64)
		return time.Duration(number * float64(24*time.Hour))
	}
	parsed, err := time.ParseDuration(text)
	if err != nil {
		a.err = &notInGoError{fmt.Sprintf("the duration %v", value)}
	}
	return parsed
}

// limits are a text, a pair, or pairs.
func (a *arguments) limits(value any) Limits {
	var limits Limits
	var err error
	if text, isText := value.(string); isText {
		limits, err = ParseLimits(text)
	} else {
		pairs, _ := value.([]any)
		if len(pairs) == 2 {
			if _, single := pairs[0].(json.Number); single {
				pairs = []any{pairs}
			}
		}
		var list []Limit
		for _, each := range pairs {
			pair, _ := each.([]any)
			number, _ := pair[0].(json.Number)
			limit, _ := number.Int64()
			list = append(list, Limit{limit, a.durationOf(pair[1])})
		}
		limits, err = NewLimits(list...)
	}
	if err != nil {
		a.err = err
	}
	return limits
}
