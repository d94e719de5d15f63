package lockwatch

import (
	"context"
	"errors"
	"testing"
	"time"

	"lockwatch/internal/testserver"
)

// openClient makes a client that is closed with the test. Its timeouts are long, because the
// machine of a test may be busy.
func openClient(t *testing.T, url string) *Client {
	t.Helper()
	client := ok[*Client](t)(Open(url, Options{ConnectTimeout: 5 * time.Second, CommandTimeout: 5 * time.Second}))
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// ok returns a value, and fails the test if there is an error.
func ok[T any](t *testing.T) func(T, error) T {
	return func(value T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

func wantError(t *testing.T, err, kind error, code string) {
	t.Helper()
	var failure *Error
	if !errors.Is(err, kind) || !errors.As(err, &failure) || failure.Code != code {
		t.Fatalf("the error is %v (%T), not %v with the code %s", err, err, kind, code)
	}
}

func TestALimitAdmitsCountsAndDenies(t *testing.T) {
	lw := openClient(t, testserver.Start(t).URL())
	ctx, limits := context.Background(), MustParseLimits("2/minute; 100/hour")
	first := ok[*RateLimitResult](t)(lw.RateLimit(ctx, "user:42", limits))
	if !first.Allowed || first.Limit != 2 || first.Remaining != 1 || first.RetryAfter != 0 {
		t.Fatalf("the first call: %+v", first)
	}
	ok[*RateLimitResult](t)(lw.RateLimit(ctx, "user:42", limits))
	denied := ok[*RateLimitResult](t)(lw.RateLimit(ctx, "user:42", limits))
	if seconds, waits := denied.RetryAfterSeconds(); denied.Allowed || !waits || seconds < 1 || seconds > 60 {
		t.Fatalf("the third call: %+v", denied)
	}
	header := denied.Header("api")
	policy := `"api-60s";q=2;w=60, "api-3600s";q=100;w=3600`
	if header.Get("X-RateLimit-Limit") != "2" || header.Get("RateLimit-Policy") != policy ||
		header.Get("Retry-After") == "" || first.Header("api").Get("Retry-After") != "" {
		t.Fatalf("the headers are %v", header)
	}
	peeked := ok[*RateLimitResult](t)(lw.Peek(ctx, "user:42", limits, Free))
	if peeked.Remaining != 0 {
		t.Fatalf("a peek: %+v", peeked)
	}
	never := ok[*RateLimitResult](t)(lw.RateLimitArgs(ctx, "user:43", limits, RateLimitArgs{Cost: 3}))
	if _, waits := never.RetryAfterSeconds(); never.Allowed || waits || never.RetryAfter != Never {
		t.Fatalf("a call that costs more than the limit: %+v", never)
	}
}

func TestUnitsAreGivenBackAndSettled(t *testing.T) {
	lw := openClient(t, testserver.Start(t).URL())
	ctx, limits := context.Background(), MustParseLimits("10/minute")
	args := RateLimitArgs{Cost: 4, WithTime: true}
	taken := ok[*RateLimitResult](t)(lw.RateLimitArgs(ctx, "a", limits, args))
	if taken.Time.IsZero() || time.Since(taken.Time).Abs() > time.Minute {
		t.Fatalf("the time is %v", taken.Time)
	}
	if given := ok[int64](t)(lw.Refund(ctx, "a", 1, taken.Time)); given != 1 {
		t.Fatalf("%d units were given back", given)
	}
	settled := ok[*Settlement](t)(lw.Settle(ctx, "a", 3, 8, taken.Time))
	if settled.Recorded != 5 || settled.Refunded != 0 || settled.Time.IsZero() {
		t.Fatalf("settled: %+v", settled)
	}
	forced := ok[*RateLimitResult](t)(lw.RateLimitArgs(ctx, "a", limits, RateLimitArgs{Cost: 5, Force: true}))
	if forced.Allowed || forced.Remaining != 0 {
		t.Fatalf("forced: %+v", forced)
	}
}

func TestSeveralKeysAreCountedAtAllOrAtNone(t *testing.T) {
	lw := openClient(t, testserver.Start(t).URL())
	ctx := context.Background()
	entries := []MultiEntry{
		{Key: "{42}:requests", Limits: MustParseLimits("60/minute; 600/hour")},
		{Key: "{42}:tokens", Limits: MustParseLimits("1000/minute"), Cost: 700},
	}
	first := ok[*MultiResult](t)(lw.MRateLimit(ctx, entries...))
	if !first.Allowed || first.Binding != 1 || first.Entries[1].Remaining != 300 || first.Entries[0].Remaining != 59 {
		t.Fatalf("the first call: %+v", first)
	}
	denied := ok[*MultiResult](t)(lw.MRateLimit(ctx, entries...))
	if denied.Allowed || denied.Binding != 1 || denied.RetryAfter <= 0 || denied.Result().Limit != 1000 {
		t.Fatalf("the second call: %+v", denied)
	}
	entries[1].Cost = Free
	peeked := ok[*MultiResult](t)(lw.MPeek(ctx, entries...))
	if !peeked.Allowed || peeked.Entries[0].Remaining != 58 {
		t.Fatalf("a peek: %+v", peeked)
	}
	_, err := lw.MRateLimit(ctx)
	wantError(t, err, ErrConfiguration, "CONFIGURATION")
}

func TestPoliciesOfTheServer(t *testing.T) {
	lw := openClient(t, testserver.Start(t).URL())
	ctx := context.Background()
	_, err := lw.RateLimit(ctx, "lw:{acme}:api", MustParseLimits("@api"))
	wantError(t, err, ErrNoPolicy, "LWNOPOLICY")
	for _, args := range []PolicySetArgs{{}, {For: "acme", Shadow: true}} {
		if err := lw.PolicySet(ctx, "api", MustParseLimits("1/minute"), args); err != nil {
			t.Fatal(err)
		}
	}
	if match := ok[*PolicyMatch](t)(lw.PolicyWhich(ctx, "api", "lw:{acme}:api")); match.Override != "acme" || !match.Shadow {
		t.Fatalf("which: %+v", match)
	}
	info := ok[*PolicyInfo](t)(lw.PolicyGet(ctx, "api"))
	if info.Limits[0] != (Limit{1, time.Minute}) || info.Overrides[0].Subject != "acme" || info.Shadow {
		t.Fatalf("get: %+v", info)
	}
	for range 2 {
		ok[*RateLimitResult](t)(lw.RateLimit(ctx, "lw:{other}:api", MustParseLimits("@api")))
	}
	all := ok[*PolicyList](t)(lw.PolicyList(ctx))
	if all.Policies[0].Calls != 2 || all.Policies[0].Denied != 1 || len(all.Digest) != 16 {
		t.Fatalf("list: %+v", all)
	}
	if !ok[bool](t)(lw.PolicyDel(ctx, "api", "acme")) || !ok[bool](t)(lw.PolicyDel(ctx, "api", "")) {
		t.Fatal("the policy was not there to be deleted")
	}
	if ok[bool](t)(lw.PolicyDel(ctx, "api", "")) {
		t.Fatal("the policy was deleted twice")
	}
}

func TestBurstsAlertsAndTheAuditLog(t *testing.T) {
	lw := openClient(t, testserver.Start(t).URL())
	ctx := context.Background()
	args := BurstArgs{Cooldown: time.Minute, IP: "203.0.113.9", Endpoint: "/login", Method: "POST", Agent: "curl"}
	for count := range int64(3) {
		found := ok[*BurstResult](t)(lw.Burst(ctx, "burst", 2, 1500*time.Millisecond, args))
		if want := (BurstResult{count >= 1, count + 1, count == 1}); *found != want {
			t.Fatalf("call %d: %+v", count, found)
		}
	}
	data := map[string]string{"order": "<42>"}
	if id := ok[string](t)(lw.Alert(ctx, "payment.failed", data, AlertArgs{Dedup: "a", Cooldown: time.Minute})); id == "" {
		t.Fatal("the alert has no id")
	}
	if id := ok[string](t)(lw.Alert(ctx, "payment.failed", nil, AlertArgs{Dedup: "a", Cooldown: time.Minute})); id != "" {
		t.Fatal("the second alert was not suppressed")
	}
	at := time.Now().Add(-time.Hour).Truncate(time.Millisecond)
	record := AuditRecord{
		Kind: "order", User: "alice", IP: "203.0.113.9", Method: "POST", Endpoint: "/orders", Status: 201,
		Limited: true, Anomaly: true, Latency: 12345 * time.Microsecond, Time: at, Data: data,
	}
	id := ok[string](t)(lw.Audit(ctx, record))
	events := ok[[]AuditEvent](t)(lw.AuditLog(ctx, AuditQuery{Kind: "order", User: "alice", IP: "203.0.113.0/24", Count: 5}))
	if len(events) != 1 {
		t.Fatalf("the log has %d events", len(events))
	}
	found := events[0]
	if found.ID != id || found.Status != 201 || !found.Limited || !found.Anomaly || !found.Time.Equal(at) ||
		found.Latency != record.Latency || string(found.Data) != `{"order":"<42>"}` {
		t.Fatalf("the event: %+v", found)
	}
	if left := ok[[]AuditEvent](t)(lw.AuditLog(ctx, AuditQuery{Kind: "order", Before: id})); len(left) != 0 {
		t.Fatalf("there are %d events before the first", len(left))
	}
}

func TestLeases(t *testing.T) {
	lw := openClient(t, testserver.Start(t).URL())
	ctx := context.Background()
	first := ok[*LeaseResult](t)(lw.Acquire(ctx, "report", 2, time.Minute, LeaseArgs{ID: "one", Cost: 2}))
	if !first.Acquired || first.Repeated || first.InUse != 2 || first.Fence == 0 {
		t.Fatalf("the first lease: %+v", first)
	}
	if again := ok[*LeaseResult](t)(lw.Acquire(ctx, "report", 2, time.Minute, LeaseArgs{ID: "one", Cost: 2})); !again.Repeated {
		t.Fatalf("the same lease: %+v", again)
	}
	denied := ok[*LeaseResult](t)(lw.Acquire(ctx, "report", 2, time.Minute, LeaseArgs{}))
	if denied.Acquired || denied.ID != "" || denied.RetryAfter <= 0 {
		t.Fatalf("a lease without room: %+v", denied)
	}
	if !ok[bool](t)(lw.Renew(ctx, "report", "one", time.Hour)) || !ok[bool](t)(lw.Release(ctx, "report", "one")) {
		t.Fatal("the lease had ended")
	}
	if ok[bool](t)(lw.Release(ctx, "report", "one")) {
		t.Fatal("the lease ended twice")
	}
}

func TestTopAndInspect(t *testing.T) {
	lw := openClient(t, testserver.Start(t).URL())
	ctx := context.Background()
	if report := ok[*KeyReport](t)(lw.Inspect(ctx, "a")); report != nil {
		t.Fatalf("a key that does not exist: %+v", report)
	}
	for range 3 {
		ok[*RateLimitResult](t)(lw.RateLimit(ctx, "a", MustParseLimits("1/minute")))
	}
	top := ok[[]TopKey](t)(lw.Top(ctx, 5))
	if len(top) != 1 || top[0].Key != "a" || top[0].Denied != 2 || time.Since(top[0].Last).Abs() > time.Minute {
		t.Fatalf("top: %+v", top)
	}
	report := ok[*KeyReport](t)(lw.Inspect(ctx, "a"))
	if report.Type != "limiter" || report.Windows[0].Used != 1 || report.Windows[0].Window != time.Minute ||
		report.ExpiresAt.IsZero() {
		t.Fatalf("inspect: %+v", report)
	}
	ok[*LeaseResult](t)(lw.Acquire(ctx, "leases", 5, time.Minute, LeaseArgs{Cost: 3}))
	if report = ok[*KeyReport](t)(lw.Inspect(ctx, "leases")); report.Details["in_use"] != int64(3) {
		t.Fatalf("inspect: %+v", report)
	}
}

func TestErrorsSayWhatIsWrong(t *testing.T) {
	server := testserver.Start(t)
	lw := openClient(t, server.URL())
	ctx := context.Background()
	if err := server.Admin(t).Set(ctx, "text", "1", 0).Err(); err != nil {
		t.Fatal(err)
	}
	_, err := lw.RateLimit(ctx, "text", MustParseLimits("1/minute"))
	wantError(t, err, ErrCommand, "WRONGTYPE")
	_, err = lw.RateLimit(ctx, "a", Limits{})
	wantError(t, err, ErrConfiguration, "CONFIGURATION")
	_, err = lw.Do(ctx, "a", "LW.NOSUCH", "a")
	wantError(t, err, ErrModuleMissing, "MODULE_MISSING")
	wantError(t, err, ErrUnavailable, "MODULE_MISSING")
	canceled, cancel := context.WithCancel(ctx)
	cancel()
	_, err = lw.RateLimit(canceled, "a", MustParseLimits("1/minute"))
	wantError(t, err, context.Canceled, "CANCELED")
	if value := ok[any](t)(lw.Do(ctx, "a", "GET", "text")); value != "1" {
		t.Fatalf("GET: %v", value)
	}
}
