package lockwatch

import (
	"math/rand/v2"
	"testing"
	"time"
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
	for _, limits := range []string{"", "10001/second", "@chat", "5"} {
		_, err := NewMessageLimit(limits)
		wantError(t, err, ErrConfiguration, "CONFIGURATION")
	}
	if wait := ok[*MessageLimit](t)(NewMessageLimit("0/second")).RetryAfter(); wait != Never {
		t.Fatalf("a limit of 0 admits one unit after %v", wait)
	}
}
