package conformance

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"lockwatch"
)

// errNotInGo is for a value that Go has no way to write: the type of the option has no such value,
// or it is the zero value, which means that the option is left out.
var errNotInGo = errors.New("the options of Go cannot express this")

// settings are the options of a case.
type settings struct {
	client     lockwatch.Options
	middleware lockwatch.MiddlewareOptions
}

// setters read the members of a JSON object into options.
type setters map[string]func(json.RawMessage) error

// member is a member of a JSON object. Their order matters for routes.
type member struct {
	name  string
	value json.RawMessage
}

func membersOf(object json.RawMessage) ([]member, error) {
	decoder := json.NewDecoder(bytes.NewReader(object))
	if token, err := decoder.Token(); err != nil || token != json.Delim('{') {
		return nil, fmt.Errorf("%s is no object: %w", object, errNotInGo)
	}
	var members []member
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return nil, err
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return nil, err
		}
		members = append(members, member{name.(string), value})
	}
	return members, nil
}

func (s setters) read(object json.RawMessage) error {
	members, err := membersOf(object)
	if err != nil {
		return err
	}
	for _, each := range members {
		set, known := s[each.name]
		if !known {
			return fmt.Errorf("the runner does not know the option %q", each.name)
		}
		if err := set(each.value); err != nil {
			return fmt.Errorf("%s: %w", each.name, err)
		}
	}
	return nil
}

// into reads a value of the type of an option. A zero value would leave the option out.
func into[T comparable](field *T) func(json.RawMessage) error {
	return func(value json.RawMessage) error {
		if err := json.Unmarshal(value, field); err != nil {
			return errors.Join(errNotInGo, err)
		}
		var zero T
		if _, isBool := any(zero).(bool); *field == zero && !isBool {
			return errNotInGo
		}
		return nil
	}
}

func list[T any](field *[]T) func(json.RawMessage) error {
	return func(value json.RawMessage) error {
		// One value may stand for a list of one.
		if value[0] != '[' {
			value = slices.Concat([]byte("["), value, []byte("]"))
		}
		if err := json.Unmarshal(value, field); err != nil {
			return errors.Join(errNotInGo, err)
		}
		return nil
	}
}

func seconds(field *time.Duration) func(json.RawMessage) error {
	return func(value json.RawMessage) error {
		var number float64
		if err := json.Unmarshal(value, &number); err != nil {
			return errors.Join(errNotInGo, err)
		}
		*field = time.Duration(number * float64(time.Second))
		return nil
	}
}

func toggle(field *lockwatch.Switch) func(json.RawMessage) error {
	return func(value json.RawMessage) error {
		var isOn bool
		err := into(&isOn)(value)
		*field = lockwatch.Off
		if isOn {
			*field = lockwatch.On
		}
		return err
	}
}

func limits(field *string) func(json.RawMessage) error {
	return func(value json.RawMessage) (err error) {
		*field, err = limitsText(value)
		return err
	}
}

// limitsText is a text, or pairs of a limit and seconds, as a text.
func limitsText(value json.RawMessage) (string, error) {
	var text string
	if json.Unmarshal(value, &text) == nil {
		return text, nil
	}
	var members []any
	decoder := json.NewDecoder(bytes.NewReader(value))
	decoder.UseNumber()
	if err := decoder.Decode(&members); err != nil {
		return "", errors.Join(errNotInGo, err)
	}
	var texts []string
	for _, each := range members {
		switch each := each.(type) {
		case string:
			texts = append(texts, each)
		case []any:
			texts = append(texts, fmt.Sprintf("%v/%vs", each[0], each[1]))
		default:
			return "", errNotInGo
		}
	}
	// A text that has no limits is not the zero value.
	return strings.Join(texts, ";") + ";", nil
}

// returning is a KeyFunc that returns a value of the file.
func returning(field *lockwatch.KeyFunc) func(json.RawMessage) error {
	return func(value json.RawMessage) error {
		var given any
		decoder := json.NewDecoder(bytes.NewReader(value))
		decoder.UseNumber()
		if err := decoder.Decode(&given); err != nil {
			return err
		}
		*field = func(*http.Request) (string, error) {
			switch given := given.(type) {
			case nil:
				return "", lockwatch.ErrNoLimit
			case map[string]any:
				return lockwatch.ByAddress, nil
			default:
				return fmt.Sprint(given), nil
			}
		}
		return nil
	}
}

func returningLimits(field *lockwatch.LimitsFunc) func(json.RawMessage) error {
	return func(value json.RawMessage) error {
		text := ""
		if string(value) != "null" {
			var err error
			if text, err = limitsText(value); err != nil {
				return err
			}
		}
		*field = func(*http.Request) (string, error) { return text, nil }
		return nil
	}
}

func returningCost(field *lockwatch.CostFunc) func(json.RawMessage) error {
	return func(value json.RawMessage) error {
		cost, err := strconv.ParseInt(string(value), 10, 64)
		*field = func(*http.Request) (int64, error) { return cost, nil }
		return err
	}
}

func counting(field *lockwatch.CountWhen) func(json.RawMessage) error {
	return func(value json.RawMessage) error {
		var statuses []int
		*field = func(response lockwatch.FinishedResponse) bool { return slices.Contains(statuses, response.Status) }
		return json.Unmarshal(value, &statuses)
	}
}

// replyOf is a response of the file.
func replyOf(value json.RawMessage) (*lockwatch.Reply, error) {
	var given struct {
		Status  int
		Headers [][2]string
		Body    string
	}
	if err := json.Unmarshal(value, &given); err != nil {
		return nil, err
	}
	reply := &lockwatch.Reply{Status: given.Status, Header: http.Header{}, Body: []byte(given.Body)}
	for _, each := range given.Headers {
		reply.Header.Add(each[0], each[1])
	}
	return reply, nil
}
