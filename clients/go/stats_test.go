package lockwatch

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

func TestOutcomesAreCountedByPolicy(t *testing.T) {
	var events []Event
	lw := ok[*Client](t)(Open("redis://127.0.0.1:1", Options{OnEvent: func(_ context.Context, event Event) {
		events = append(events, event)
	}}))
	defer func() { _ = lw.Close() }()
	sent := []Event{
		{Allowed, "default", "", ""}, {Allowed, "default", "", ""}, {Denied, "search", "GET /search", ""},
		{Denied, "guard", "", ""}, {Shadow, "search", "", ""}, {Local, "search", "", "timeout"},
	}
	for _, event := range sent {
		lw.decided(t.Context(), event)
	}
	want := map[string]map[Outcome]int64{
		"default": {Allowed: 2}, "guard": {Denied: 1}, "search": {Denied: 1, Shadow: 1, Local: 1},
	}
	if found := lw.Stats(); !reflect.DeepEqual(found.Requests, want) || found.LimitsOff || found.AuditDropped != 0 {
		t.Fatalf("the counters are %+v", found)
	}
	if !reflect.DeepEqual(events, sent) {
		t.Fatalf("the events are %v", events)
	}
}

func TestLimitsAreOffUntilRedisAnswers(t *testing.T) {
	lw := ok[*Client](t)(Open("redis://127.0.0.1:1", Options{}))
	defer func() { _ = lw.Close() }()
	for _, step := range []struct {
		outcome Outcome
		policy  string
		off     bool
	}{
		{FailedClosed, "default", false}, {FailedOpen, "default", true}, {Local, "default", true}, {Denied, "guard", true},
		{Denied, "default", false}, {Bypassed, "default", true}, {Allowed, "default", false},
	} {
		lw.decided(t.Context(), Event{Outcome: step.outcome, Policy: step.policy})
		if off := lw.Stats().LimitsOff; off != step.off {
			t.Fatalf("after %s under %s, limits off: %v", step.outcome, step.policy, off)
		}
	}
}

func TestPoliciesWithoutEndAreCountedTogether(t *testing.T) {
	lw := ok[*Client](t)(Open("redis://127.0.0.1:1", Options{}))
	defer func() { _ = lw.Close() }()
	for number := range 1500 {
		lw.decided(t.Context(), Event{Outcome: Allowed, Policy: fmt.Sprintf("policy%d", number)})
	}
	found := lw.Stats().Requests
	if len(found) != 1001 || found["other"][Allowed] != 500 || found["policy999"][Allowed] != 1 {
		t.Fatalf("%d policies, and %v as other", len(found), found["other"])
	}
}

func TestAPanicInOnEventIsLoggedOnce(t *testing.T) {
	log := &logText{}
	lw := ok[*Client](t)(Open("redis://127.0.0.1:2", Options{Logger: log.logger(), OnEvent: func(context.Context, Event) {
		panic("broken hook")
	}}))
	defer func() { _ = lw.Close() }()
	for range 10 {
		lw.decided(t.Context(), Event{Outcome: Allowed, Policy: "default"})
	}
	if text := log.String(); strings.Count(text, "broken hook") != 1 {
		t.Fatalf("the log: %s", text)
	}
	if lw.Stats().Requests["default"][Allowed] != 10 {
		t.Fatal("the requests were not counted")
	}
}
