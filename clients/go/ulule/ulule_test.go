package lockwatchulule_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/ulule/limiter/v3"
	"github.com/ulule/limiter/v3/drivers/middleware/stdlib"
	"github.com/ulule/limiter/v3/drivers/store/tests"

	"lockwatch"
	"lockwatch/internal/testserver"
	"lockwatch/internal/webtest"

	lockwatchulule "lockwatch/ulule"
)

func store(t *testing.T, options lockwatch.StoreOptions) (*testserver.Server, *lockwatch.Client, *lockwatchulule.Store) {
	t.Helper()
	server := testserver.Start(t)
	// 500 goroutines wait for a few connections in the peer's test, which never ends after an
	// error.
	patient := lockwatch.Options{Service: "shop", ConnectTimeout: 10 * time.Second, CommandTimeout: 10 * time.Second}
	client := lockwatch.Must(lockwatch.Open(server.URL(), patient))
	t.Cleanup(func() { _ = client.Close() })
	return server, client, lockwatch.Must(lockwatchulule.NewStore(client, options))
}

func TestThePeersSequentialTest(t *testing.T) {
	_, _, made := store(t, lockwatch.StoreOptions{})
	tests.TestStoreSequentialAccess(t, made)
}

func TestThePeersConcurrentTest(t *testing.T) {
	_, client, made := store(t, lockwatch.StoreOptions{OnRedisFailure: lockwatch.FailDeny})
	tests.TestStoreConcurrentAccess(t, made)
	// Of 250,000 calls in a few seconds, the limit and those are admitted whose window has passed.
	if admitted := client.Stats().Requests["ulule-limiter"][lockwatch.Allowed]; admitted < 100_000 {
		t.Errorf("%d calls were admitted", admitted)
	}
}

func TestTheWindowSlides(t *testing.T) {
	_, _, made := store(t, lockwatch.StoreOptions{})
	const limit, window = 5, 300 * time.Millisecond
	instance := limiter.New(made, limiter.Rate{Limit: limit, Period: window})
	var began, ended []time.Time
	for len(began) < 6*limit {
		before := time.Now()
		found, err := instance.Get(t.Context(), "a")
		if err != nil {
			t.Fatal(err)
		}
		if !found.Reached {
			began, ended = append(began, before), append(ended, time.Now())
		}
	}
	for i := range len(began) - limit {
		// Redis has a clock of milliseconds.
		if between := ended[i+limit].Sub(began[i]); between < window-time.Millisecond {
			t.Errorf("%d calls were admitted within %v", limit+1, between)
		}
	}
	// The limit is reached as often as the window allows.
	if took := ended[len(ended)-1].Sub(began[0]); took > 6*window {
		t.Errorf("%d calls took %v", len(began), took)
	}
}

func TestCountsOfSeveralCalls(t *testing.T) {
	_, _, made := store(t, lockwatch.StoreOptions{})
	rate := limiter.Rate{Limit: 5, Period: time.Minute}
	for _, each := range []struct {
		count, remaining int64
		reached          bool
	}{{3, 2, false}, {3, 2, true}, {0, 2, false}, {2, 0, false}, {0, 0, true}} {
		found, err := made.Increment(t.Context(), "a", each.count, rate)
		if err != nil {
			t.Fatal(err)
		}
		if found.Remaining != each.remaining || found.Reached != each.reached {
			t.Errorf("a count of %d: %+v", each.count, found)
		}
	}
	if _, err := made.Increment(t.Context(), "a", -1, rate); err == nil {
		t.Error("a count of -1 is accepted")
	}
}

func TestRedisIsAway(t *testing.T) {
	rate := limiter.Rate{Limit: 5, Period: time.Hour}
	for mode, expected := range map[lockwatch.FailureMode]lockwatch.Outcome{
		lockwatch.FailAllow: lockwatch.FailedOpen,
		lockwatch.FailDeny:  lockwatch.FailedClosed,
		lockwatch.FailLocal: lockwatch.LocalDenied,
	} {
		t.Run(string(mode), func(t *testing.T) {
			server, client, made := store(t, lockwatch.StoreOptions{OnRedisFailure: mode})
			server.Kill()
			for range 6 {
				found, err := made.Get(context.Background(), "a", rate)
				if (mode == lockwatch.FailDeny) != errors.Is(err, lockwatch.ErrUnavailable) {
					t.Errorf("%+v, %v", found, err)
				}
			}
			found, err := made.Peek(context.Background(), "a", rate)
			if (mode == lockwatch.FailDeny) != errors.Is(err, lockwatch.ErrUnavailable) || err == nil && found.Remaining != 5 {
				t.Errorf("%+v, %v", found, err)
			}
			if client.Stats().Requests["ulule-limiter"][expected] == 0 {
				t.Errorf("the counters are %v", client.Stats())
			}
		})
	}
}

func TestAClientThatHasLeftSaysNothingAboutRedis(t *testing.T) {
	_, client, made := store(t, lockwatch.StoreOptions{})
	gone, leave := context.WithCancel(t.Context())
	leave()
	found, err := made.Get(gone, "a", limiter.Rate{Limit: 5, Period: time.Hour})
	if err != nil || found.Remaining != 4 || client.Stats().LimitsOff {
		t.Fatalf("%+v, %v, %+v", found, err, client.Stats())
	}
}

// app is an application with the middleware of the other library, whose limits are those of the
// test.
func app(client *lockwatch.Client, _ lockwatch.MiddlewareOptions) http.Handler {
	made := lockwatch.Must(lockwatchulule.NewStore(client, lockwatch.StoreOptions{}))
	limited := stdlib.NewMiddleware(limiter.New(made, limiter.Rate{Limit: 100, Period: time.Hour}))
	return limited.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, "items") }))
}

func TestTheMiddlewareOfTheOtherLibraryIsExact(t *testing.T) { webtest.Exact(t, app) }
