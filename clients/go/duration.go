package lockwatch

import (
	"strconv"
	"time"
)

// durationArgument is a duration as an argument of a command: whole seconds as a bare number,
// anything else in milliseconds, rounded up.
func durationArgument(d time.Duration) string {
	ms := milliseconds(d)
	if ms%1000 == 0 {
		return strconv.FormatInt(ms/1000, 10)
	}
	return strconv.FormatInt(ms, 10) + "ms"
}

// milliseconds rounds up.
func milliseconds(d time.Duration) int64 {
	return int64((d + time.Millisecond - 1) / time.Millisecond)
}

// secondsRoundedUp is whole seconds, as HTTP headers have them.
func secondsRoundedUp(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) }
