package lockwatch

import (
	"fmt"
	"testing"
	"time"
)

func localKey(client string) string { return "lw:{" + client + "}:default" }

func TestALocalLimitHoldsWhileOthersAreAskedAtItsKey(t *testing.T) {
	var counters localCounters
	of, now := &localLimits{share: 1}, time.Now()
	few, many := MustParseLimits("5/minute"), MustParseLimits("50/minute")
	admitted := 0
	for range 20 {
		if counters.admit(localKey("a"), few, of, 1, now).Allowed {
			admitted++
		}
		counters.admit(localKey("a"), many, of, 1, now)
	}
	if admitted != 5 {
		t.Fatalf("%d calls were admitted by 5/minute", admitted)
	}
}

func TestClientsThatHaveNothingUsedMakeRoomInALocalLimit(t *testing.T) {
	var counters localCounters
	of, now, limits := &localLimits{share: 1}, time.Now(), MustParseLimits("1/second")
	for i := range maxLocalClients {
		counters.admit(localKey(fmt.Sprint(i)), limits, of, 1, now)
	}
	now = now.Add(2 * time.Second)
	for _, client := range []string{"x", "y", "z"} {
		if !counters.admit(localKey(client), limits, of, 1, now).Allowed {
			t.Fatalf("%s shares a counter, though all others are idle", client)
		}
	}
}

func TestAnAnswerOfRedisEndsAnOutageAfterQuietSeconds(t *testing.T) {
	limits, of := MustParseLimits("1/hour"), &localLimits{share: 1}
	for _, each := range []struct {
		quiet   time.Duration
		answers string
		allowed bool
	}{
		{outageGap / 2, localKey("b"), false},
		{outageGap / 2, localKey("a"), true},
		{2 * outageGap, localKey("b"), true},
	} {
		var counters localCounters
		counters.admit(localKey("a"), limits, of, 1, time.Now().Add(-each.quiet))
		counters.answered(each.answers)
		if found := counters.admit(localKey("a"), limits, of, 1, time.Now()); found.Allowed != each.allowed {
			t.Errorf("%v after a failure, and an answer for %s: %+v", each.quiet, each.answers, found)
		}
	}
}

func TestACallThatOneLocalLimitDeniesIsCountedByNone(t *testing.T) {
	var counters localCounters
	limits, of, now := MustParseLimits("2/second; 5/hour"), &localLimits{share: 1}, time.Now()
	admitted := 0
	for second := range 4 {
		for range 10 {
			if counters.admit(localKey("a"), limits, of, 1, now.Add(time.Duration(second)*time.Second)).Allowed {
				admitted++
			}
		}
	}
	if admitted != 5 {
		t.Fatalf("%d calls were admitted", admitted)
	}
}
