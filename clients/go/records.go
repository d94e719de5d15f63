package lockwatch

import (
	"encoding/json"
	"time"
)

// integersIn returns the integers of a reply. It returns false unless the reply is an array of
// exactly count integers.
func integersIn(value any, count int) ([]int64, bool) {
	array, ok := value.([]any)
	if !ok || len(array) != count {
		return nil, false
	}
	numbers := make([]int64, count)
	for i, each := range array {
		if numbers[i], ok = each.(int64); !ok {
			return nil, false
		}
	}
	return numbers, true
}

// readInteger reads a reply of one integer.
func readInteger(value any, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	number, ok := value.(int64)
	if !ok {
		return 0, strangeReply()
	}
	return number, nil
}

// readBool reads a reply of 0 or 1.
func readBool(value any, err error) (bool, error) {
	number, err := readInteger(value, err)
	return number == 1, err
}

// readText reads a reply of a bulk string.
func readText(value any, err error) (string, error) {
	if err != nil {
		return "", err
	}
	text, ok := value.(string)
	if !ok {
		return "", strangeReply()
	}
	return text, nil
}

// fields reads the values of a record, or of an array that has a place for each value. It remembers
// whether one was missing or had another type.
type fields struct {
	values map[string]any
	wrong  bool
}

// recordOf reads a record: a flat array of names and values.
func recordOf(value any) *fields {
	array, ok := value.([]any)
	found := &fields{values: make(map[string]any, len(array)/2), wrong: !ok || len(array)%2 != 0}
	if found.wrong {
		return found
	}
	for i := 0; i < len(array); i += 2 {
		name, ok := array[i].(string)
		found.wrong = found.wrong || !ok
		found.values[name] = array[i+1]
	}
	return found
}

// tupleOf reads an array that has these values in this order.
func tupleOf(value any, names ...string) *fields {
	array, ok := value.([]any)
	found := &fields{values: make(map[string]any, len(names)), wrong: !ok || len(array) != len(names)}
	if found.wrong {
		return found
	}
	for i, name := range names {
		found.values[name] = array[i]
	}
	return found
}

// err is the error for a record that could not be read.
func (f *fields) err() error {
	if f.wrong {
		return strangeReply()
	}
	return nil
}

func (f *fields) get(name string) any {
	value, known := f.values[name]
	f.wrong = f.wrong || !known
	return value
}

// text is a bulk string.
func (f *fields) text(name string) string {
	text, ok := f.get(name).(string)
	f.wrong = f.wrong || !ok
	return text
}

// optional is a bulk string or nil, which is an empty text.
func (f *fields) optional(name string) string {
	value := f.get(name)
	if value == nil {
		return ""
	}
	text, ok := value.(string)
	f.wrong = f.wrong || !ok
	return text
}

func (f *fields) integer(name string) int64 {
	number, ok := f.get(name).(int64)
	f.wrong = f.wrong || !ok
	return number
}

// flag is an integer that is 1 or 0.
func (f *fields) flag(name string) bool { return f.integer(name) == 1 }

// duration is a number of milliseconds; a negative one is Never.
func (f *fields) duration(name string) time.Duration { return durationOf(f.integer(name)) }

// time is a number of Unix milliseconds; 0 and negative ones are the zero time.
func (f *fields) time(name string) time.Time { return timeOf(f.integer(name)) }

// optionalTime is time or nil, which is the zero time.
func (f *fields) optionalTime(name string) time.Time {
	if f.get(name) == nil {
		return time.Time{}
	}
	return f.time(name)
}

// json is a text of JSON; nil if there is none.
func (f *fields) json(name string) json.RawMessage {
	text := f.optional(name)
	if text == "" {
		return nil
	}
	f.wrong = f.wrong || !json.Valid([]byte(text))
	return json.RawMessage(text)
}

// list reads each member of an array with a function.
func list[T any](value any, read func(*fields) T) ([]T, error) {
	array, ok := value.([]any)
	if !ok {
		return nil, strangeReply()
	}
	found := make([]T, len(array))
	for i, each := range array {
		record := recordOf(each)
		found[i] = read(record)
		if record.wrong {
			return nil, strangeReply()
		}
	}
	return found, nil
}

// listIn is list for a value of a record.
func listIn[T any](f *fields, name string, read func(*fields) T) []T {
	found, err := list(f.get(name), read)
	f.wrong = f.wrong || err != nil
	return found
}

func durationOf(ms int64) time.Duration {
	if ms < 0 {
		return Never
	}
	return time.Duration(ms) * time.Millisecond
}

func timeOf(ms int64) time.Time {
	if ms <= 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}
