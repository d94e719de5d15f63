package lockwatch

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"lockwatch/internal/testserver"
)

func TestTheKeysOfAClientAreListedAndReset(t *testing.T) {
	lw := openClient(t, testserver.Start(t).URL())
	ctx := t.Context()
	app := ok[func(http.Handler) http.Handler](t)(Middleware(lw, MiddlewareOptions{
		Limits: "100/hour", Key: KeyCredential, Routes: []Route{{Pattern: "/search", Limits: "10/minute"}},
	}))(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	for _, path := range []string{"/", "/", "/search"} {
		r := httptest.NewRequest(http.MethodGet, path, nil)
		r.RemoteAddr = "203.0.113.9:4711"
		r.Header.Set("Authorization", "Bearer secret")
		app.ServeHTTP(httptest.NewRecorder(), r)
	}
	found := ok[[]ClientKey](t)(lw.ClientKeys(ctx, ClientOf{Address: "203.0.113.9"}))
	var kinds []string
	for _, each := range found {
		kinds = append(kinds, each.Kind+" "+each.Policy)
		if each.ExpiresIn <= 0 || each.ExpiresIn > 25*time.Hour {
			t.Errorf("%s expires in %v", each.Key, each.ExpiresIn)
		}
	}
	if len(kinds) != 3 || kinds[0] != "burst " || kinds[1] != "unverified default" || found[1].Usage.LastHour != 2 {
		t.Fatalf("the keys are %+v", found)
	}
	again := ok[[]ClientKey](t)(lw.ClientKeys(ctx, ClientOf{Client: "ip:203.0.113.9"}))
	if len(again) != 3 || again[2].Key != found[2].Key {
		t.Fatalf("the keys by the client are %+v", again)
	}
	if deleted := ok[int64](t)(lw.ResetClient(ctx, ClientOf{Address: "203.0.113.9"})); deleted != 3 {
		t.Fatalf("%d keys were deleted", deleted)
	}
	if deleted := ok[int64](t)(lw.ResetClient(ctx, ClientOf{Key: "nobody"})); deleted != 0 {
		t.Fatalf("%d keys of nobody were deleted", deleted)
	}
	for _, wrong := range []ClientOf{
		{}, {Key: "a", Address: "203.0.113.9"}, {Address: "203.0.113"}, {Key: "a", KeyPrefix: "{"},
	} {
		_, err := lw.ClientKeys(ctx, wrong)
		wantError(t, err, ErrConfiguration, "CONFIGURATION")
	}
}
