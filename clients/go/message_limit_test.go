package lockwatch

import (
	"math/rand/v2"
	"testing"
	"time"

	"lockwatch/internal/casefile"
)

// oracle counts every unit anew for each question.
type oracle struct {
	limits []Limit
	at     []time.Time
}

func (o *oracle) fits(now time.Time, cost int64) bool {
	for _, each := range o.limits {
		used := int64(0)
		for _, at := range o.at {
			if at.Add(each.Window).After(now) {
				used++
			}
		}
		if used+cost > each.Limit {
			return false
		}
	}
	return true
}

func TestMessagesAreLimitedExactly(t *testing.T) {
	for _, limits := range []string{"3/second", "20/second; 50/10s", "5/100ms; 7/s; 9/5s", "1/hour"} {
		limit := ok[*MessageLimit](t)(NewMessageLimit(limits))
		now := time.Unix(1_000_000, 0)
		limit.now = func() time.Time { return now }
		known := &oracle{limits: limit.limits}
		random := rand.New(rand.NewPCG(1, 2))
		for step := range 1500 {
			now = now.Add(time.Duration(random.IntN(200)) * time.Millisecond)
			cost := int64(random.IntN(3))
			want := known.fits(now, cost)
			if got := limit.AllowN(cost); got != want {
				t.Fatalf("%s, step %d: %v for %d units", limits, step, got, cost)
			}
			for range cost {
				if want {
					known.at = append(known.at, now)
				}
			}
			wait := limit.RetryAfter()
			if wait == 0 != known.fits(now, 1) || wait > 0 && (!known.fits(now.Add(wait), 1) || known.fits(now.Add(wait-1), 1)) {
				t.Fatalf("%s, step %d: the wait is %v", limits, step, wait)
			}
		}
	}
}

func TestLimitsOfMessagesThatAreRefused(t *testing.T) {
	for _, limits := range []string{"", "0/second", "10001/second", "@chat", "5"} {
		_, err := NewMessageLimit(limits)
		wantError(t, err, ErrConfiguration, "CONFIGURATION")
	}
}

func TestMessagesAsTheConformanceFileSays(t *testing.T) {
	var cases []struct {
		Name, Limits string
		Steps        []struct {
			At      int64 `json:"at_ms"`
			Cost    int64
			Allowed bool
			Retry   int64 `json:"retry_after_ms"`
		}
	}
	casefile.Section(t, "message_limits", &cases)
	for _, each := range cases {
		t.Run(each.Name, func(t *testing.T) {
			limit := ok[*MessageLimit](t)(NewMessageLimit(each.Limits))
			var now int64
			limit.now = func() time.Time { return time.UnixMilli(1_000_000 + now) }
			for at, step := range each.Steps {
				now = step.At
				if got := limit.AllowN(step.Cost); got != step.Allowed {
					t.Errorf("step %d: %v", at, got)
				}
				if got := limit.RetryAfter(); got != time.Duration(step.Retry)*time.Millisecond {
					t.Errorf("step %d: the wait is %v", at, got)
				}
			}
		})
	}
	var bad []string
	casefile.Section(t, "bad_message_limits", &bad)
	for _, limits := range bad {
		_, err := NewMessageLimit(limits)
		wantError(t, err, ErrConfiguration, "CONFIGURATION")
	}
}
