package lockwatch

import (
	"context"
	"errors"
	"testing"
	"time"

	"lockwatch/internal/testserver"
)

func TestALeaseIsHeldAndReleased(t *testing.T) {
	lw := openClient(t, testserver.Start(t).URL())
	ctx := t.Context()
	lease := ok[*Lease](t)(lw.Lease(ctx, "report", 1, time.Minute, LeaseArgs{}))
	if lease.Lost() || lease.ID() == "" || lease.Fence() == 0 || lease.InUse() != 1 {
		t.Fatalf("the lease: %+v", lease)
	}
	_, err := lw.Lease(ctx, "report", 1, time.Minute, LeaseArgs{})
	var denied *DeniedError
	if !errors.Is(err, ErrLeaseDenied) || !errors.As(err, &denied) || denied.RetryAfter <= 0 {
		t.Fatalf("the error is %v", err)
	}
	if !ok[bool](t)(lease.Renew(ctx)) || lease.Lost() {
		t.Fatal("the lease was not renewed")
	}
	lease.Release()
	lease.Release()
	if !lease.Lost() {
		t.Fatal("a lease that was released is held")
	}
	failed := errors.New("no report")
	err = lw.WithLease(ctx, "report", 1, time.Minute, LeaseArgs{}, func(_ context.Context, inner *Lease) error {
		if inner.Fence() <= lease.Fence() {
			t.Error("the fence did not grow")
		}
		return failed
	})
	if !errors.Is(err, failed) {
		t.Fatalf("the error is %v", err)
	}
	ok[*Lease](t)(lw.Lease(ctx, "report", 1, time.Minute, LeaseArgs{}))
}

func TestALeaseThatHasEndedIsLost(t *testing.T) {
	lw := openClient(t, testserver.Start(t).URL())
	ctx := t.Context()
	lease := ok[*Lease](t)(lw.Lease(ctx, "short", 1, time.Minute, LeaseArgs{}))
	if !ok[bool](t)(lw.Release(ctx, "short", lease.ID())) {
		t.Fatal("the lease was not held")
	}
	if ok[bool](t)(lease.RenewFor(ctx, time.Hour)) || !lease.Lost() {
		t.Fatal("a lease that had ended was renewed")
	}
	brief := ok[*Lease](t)(lw.Lease(ctx, "brief", 1, 20*time.Millisecond, LeaseArgs{}))
	testserver.Eventually(t, "the end of its ttl", time.Second, brief.Lost)
}

func TestALeaseEndsWithItsConnection(t *testing.T) {
	server := testserver.Start(t)
	lw := openClient(t, server.URL())
	ctx, args := t.Context(), LeaseArgs{OnClose: true}
	lease := ok[*Lease](t)(lw.Lease(ctx, "process", 1, time.Hour, args))
	if !ok[bool](t)(lease.Renew(ctx)) {
		t.Fatal("the lease was not renewed")
	}
	if err := server.Admin(t).ClientKillByFilter(ctx, "TYPE", "normal", "SKIPME", "yes").Err(); err != nil {
		t.Fatal(err)
	}
	testserver.Eventually(t, "a lease that has ended with its connection", 5*time.Second, func() bool {
		held, err := lw.Lease(ctx, "process", 1, time.Hour, args)
		if err == nil {
			held.Release()
		}
		return err == nil
	})
}

func TestALeaseThatNobodyWaitsForIsReleased(t *testing.T) {
	server := testserver.Start(t)
	lw := openClient(t, server.URL())
	ok[*LeaseResult](t)(lw.Acquire(t.Context(), "other", 1, time.Minute, LeaseArgs{}))
	server.Hang(t)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	_, err := lw.Lease(ctx, "left", 1, time.Hour, LeaseArgs{})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("the error is %v", err)
	}
	server.Continue(t)
	testserver.Eventually(t, "a lease that is free", 5*time.Second, func() bool {
		lease, err := lw.Lease(t.Context(), "left", 1, time.Hour, LeaseArgs{})
		if err == nil {
			lease.Release()
		}
		return err == nil
	})
}
