package lockwatch

import (
	"context"
	"errors"
	"testing"

	"lockwatch/internal/testserver"
)

func tokensLeft(t *testing.T, lw *Client) int64 {
	t.Helper()
	return ok[*RateLimitResult](t)(lw.Peek(t.Context(), "{a}:tokens", MustParseLimits("1000/hour"), Free)).Remaining
}

func TestAReservationBecomesWhatWasUsed(t *testing.T) {
	lw := openClient(t, testserver.Start(t).URL())
	ctx := t.Context()
	budget := ok[*TokenBudget](t)(NewTokenBudget(lw, MustParseLimits("1000/hour"), Limits{}))
	left := int64(1000)
	for _, use := range []struct {
		name string
		use  func(*Reservation)
		used int64
	}{
		{"nothing is said", func(*Reservation) {}, 100},
		{"less was used", func(r *Reservation) { r.Settle(30) }, 30},
		{"more was used", func(r *Reservation) { r.Settle(170) }, 170},
		{"a sum", func(r *Reservation) { r.Add(20); r.Add(5) }, 25},
		{"nothing was used", func(r *Reservation) { r.Cancel() }, 0},
	} {
		reservation := ok[*Reservation](t)(budget.Reserve(ctx, "a", 100))
		use.use(reservation)
		canceled, cancel := context.WithCancel(ctx)
		cancel()
		reservation.End(canceled)
		reservation.End(ctx)
		left -= use.used
		if found := tokensLeft(t, lw); found != left {
			t.Fatalf("%s: %d are left, not %d", use.name, found, left)
		}
	}
	_, err := budget.Reserve(ctx, "a", 900)
	var denied *DeniedError
	if !errors.Is(err, ErrBudgetExceeded) || !errors.As(err, &denied) || denied.RetryAfter <= 0 {
		t.Fatalf("the error is %v", err)
	}
}

func TestABudgetLimitsCallsAsWell(t *testing.T) {
	lw := openClient(t, testserver.Start(t).URL())
	ctx := t.Context()
	budget := ok[*TokenBudget](t)(NewTokenBudget(lw, MustParseLimits("1000/hour"), MustParseLimits("2/hour")))
	for range 2 {
		reservation := ok[*Reservation](t)(budget.Reserve(ctx, "a", 10))
		reservation.Settle(1)
		reservation.End(ctx)
	}
	_, err := budget.Reserve(ctx, "a", 10)
	if !errors.Is(err, ErrBudgetExceeded) {
		t.Fatalf("the error is %v", err)
	}
	other := ok[*Reservation](t)(budget.Reserve(ctx, "b", 10))
	other.Cancel()
	other.End(ctx)
	left := ok[*RateLimitResult](t)(lw.Peek(ctx, "{b}:requests", MustParseLimits("2/hour"), Free))
	if tokens := tokensLeft(t, lw); left.Remaining != 2 || tokens != 998 {
		t.Fatalf("%d calls and %d tokens are left", left.Remaining, tokens)
	}
	for _, key := range []string{"", "}a"} {
		_, err = budget.Reserve(ctx, key, 10)
		wantError(t, err, ErrConfiguration, "CONFIGURATION")
	}
}
