package breaker

import (
	"testing"
	"time"
)

type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func opened(t *testing.T) (*Breaker, *clock) {
	t.Helper()
	clock := &clock{at: time.Unix(1_000, 0)}
	breaker := New(3, time.Second, clock.now)
	for range 2 {
		breaker.TimedOut()
		if !breaker.Admit() {
			t.Fatal("it opened before the third timeout")
		}
	}
	breaker.TimedOut()
	if breaker.Admit() || breaker.Closed() {
		t.Fatal("the third timeout in a row did not open it")
	}
	return breaker, clock
}

func TestOneCallIsTheProbeAndTheOthersWaitForIt(t *testing.T) {
	breaker, clock := opened(t)
	clock.at = clock.at.Add(time.Second)
	if !breaker.Admit() {
		t.Fatal("no probe was admitted after the pause")
	}
	if breaker.Admit() {
		t.Fatal("a second call was admitted beside the probe")
	}
	breaker.Answered()
	if !breaker.Admit() || !breaker.Closed() {
		t.Fatal("the answer to the probe did not close it")
	}
}

func TestAProbeThatNeverEndsIsFollowedByAnother(t *testing.T) {
	breaker, clock := opened(t)
	for range 3 {
		clock.at = clock.at.Add(time.Second)
		if !breaker.Admit() || breaker.Admit() {
			t.Fatal("each pause should admit one probe")
		}
	}
}

func TestASlowCallIsNeverTheProbe(t *testing.T) {
	breaker, clock := opened(t)
	clock.at = clock.at.Add(time.Second)
	if !breaker.Closed() || !breaker.Admit() {
		t.Fatal("a call that only looks took the probe")
	}
}

func TestAnAnswerResetsTheCount(t *testing.T) {
	breaker := New(2, time.Second, time.Now)
	for range 5 {
		breaker.TimedOut()
		breaker.Answered()
	}
	if !breaker.Admit() {
		t.Fatal("timeouts that are not in a row opened it")
	}
}
