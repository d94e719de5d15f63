package lockwatch

import (
	"strings"
	"testing"
	"time"

	"lockwatch/internal/testserver"
)

func TestOperatorsBanAllowAndLift(t *testing.T) {
	lw := openClient(t, testserver.Start(t).URL())
	ctx, args := t.Context(), EntryArgs{Reason: "too many", By: "bob"}
	end := ok[time.Time](t)(lw.Ban(ctx, "login", Subject{IP: "203.0.113.9"}, time.Hour, args))
	if left := time.Until(end); left < 50*time.Minute || left > 70*time.Minute {
		t.Fatalf("the ban ends in %v", left)
	}
	ok[time.Time](t)(lw.Ban(ctx, "login", Subject{User: "Mallory"}, time.Hour, args))
	ok[time.Time](t)(lw.Allow(ctx, "login", Subject{IP: "198.51.100.0/24"}, time.Hour, args))
	banned := ok[*GuardResult](t)(lw.Check(ctx, "login", CheckArgs{IP: "203.0.113.9", User: "alice"}))
	seconds, waits := banned.RetryAfterSeconds()
	if banned.Verdict != Deny || banned.Rule != "operator" || !waits || seconds < 3000 {
		t.Fatalf("check: %+v", banned)
	}
	bans := ok[[]GuardEntry](t)(lw.Bans(ctx, "login", BansArgs{Count: 1}))
	more := ok[[]GuardEntry](t)(lw.Bans(ctx, "login", BansArgs{After: bans[0].Cursor}))
	if len(bans) != 1 || len(more) != 1 || bans[0].By != "bob" || bans[0].Reason != "too many" || bans[0].Source != "operator" {
		t.Fatalf("bans: %+v, %+v", bans, more)
	}
	allowed := ok[[]GuardEntry](t)(lw.Bans(ctx, "login", BansArgs{Allowed: true}))
	if len(allowed) != 1 || allowed[0].Subject != "198.51.100.0/24" {
		t.Fatalf("allowed: %+v", allowed)
	}
	report := ok[*GuardReport](t)(lw.Why(ctx, "login", Subject{User: " mallory"}))
	if report.Hash == "" || report.Verdict == Pass || len(report.Entries) != 1 {
		t.Fatalf("why: %+v", report)
	}
	if ended := ok[int64](t)(lw.Lift(ctx, "login", Subject{Hash: report.Hash}, LiftArgs{Forget: true, By: "bob"})); ended != 1 {
		t.Fatalf("%d ended", ended)
	}
	if ended := ok[int64](t)(lw.LiftAll(ctx, "login", LiftArgs{Allowed: true})); ended != 2 {
		t.Fatalf("%d ended", ended)
	}
}

func TestEventsAreCountedAndExplained(t *testing.T) {
	lw := openClient(t, testserver.Start(t).URL())
	ctx := t.Context()
	for number := range 7 {
		args := AttemptArgs{IP: "203.0.113.9", User: "alice", Value: strings.Repeat("a", number+1)}
		ok[*GuardResult](t)(lw.Attempt(ctx, "login", args))
		ok[*GuardResult](t)(lw.Event(ctx, "login", "failure", EventArgs{IP: "203.0.113.9", User: "alice", Value: args.Value}))
	}
	found := ok[*GuardResult](t)(lw.Check(ctx, "login", CheckArgs{IP: "203.0.113.9", User: "alice"}))
	if found.Verdict != Challenge || found.Rule != "guess" {
		t.Fatalf("check: %+v", found)
	}
	report := ok[*GuardReport](t)(lw.Why(ctx, "login", Subject{IP: "203.0.113.9", User: "alice"}))
	if len(report.Challenges) == 0 || len(report.Counts) == 0 || report.Counts[0].Window == 0 {
		t.Fatalf("why: %+v", report)
	}
	_, err := lw.Check(ctx, "nosuch", CheckArgs{IP: "203.0.113.9"})
	wantError(t, err, ErrNoRule, "LWNORULE")
	rules := ok[[]string](t)(lw.Rules(ctx, "login"))
	if all := ok[[]string](t)(lw.Rules(ctx, "")); len(rules) == 0 || len(all) <= len(rules) {
		t.Fatalf("%d rules of the login, %d in all", len(rules), len(all))
	}
}

func TestSubjectsThatAreRefused(t *testing.T) {
	lw := openClient(t, testserver.Start(t).URL())
	for _, subject := range []Subject{{}, {IP: "203.0.113.9", User: "a"}, {User: "a", Key: "b"}, {Hash: "0123456789abcdef"}} {
		_, err := lw.Ban(t.Context(), "login", subject, time.Hour, EntryArgs{})
		wantError(t, err, ErrConfiguration, "CONFIGURATION")
	}
	for _, subject := range []Subject{{}, {Hash: "0123456789abcdef", IP: "203.0.113.9"}, {User: "a", Key: "b"}} {
		_, err := lw.Why(t.Context(), "login", subject)
		wantError(t, err, ErrConfiguration, "CONFIGURATION")
	}
	_, err := lw.Bans(t.Context(), "login", BansArgs{Allowed: true, Observed: true})
	wantError(t, err, ErrConfiguration, "CONFIGURATION")
}
