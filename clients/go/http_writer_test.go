package lockwatch

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"
)

func TestTheWriterPushesWhatTheServerPushes(t *testing.T) {
	lw := ok[*Client](t)(Open("redis://127.0.0.1:2", Options{Service: "shop"}))
	pushed := make(chan error, 1)
	middleware := ok[func(http.Handler) http.Handler](t)(Middleware(lw, MiddlewareOptions{NoAudit: true}))
	server := httptest.NewUnstartedServer(middleware(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		pusher, isPusher := w.(http.Pusher)
		if !isPusher {
			pushed <- http.ErrNotSupported
			return
		}
		pushed <- pusher.Push("not a path", nil)
	})))
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	request := ok[*http.Request](t)(http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, http.NoBody))
	response, err := server.Client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	// The client of Go wants no pushes; the server says so, or what is wrong with the path.
	if err = <-pushed; err == nil || response.ProtoMajor != 2 || !strings.Contains(err.Error(), "target must be") {
		t.Fatalf("%s: %v", response.Proto, err)
	}
}

// longestArgument keeps the longest argument that was sent.
type longestArgument struct {
	mu      sync.Mutex
	longest int
	sent    int
}

func (l *longestArgument) send(_ context.Context, commands []command) ([]reply, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, each := range commands {
		l.sent++
		for _, argument := range each.args {
			l.longest = max(l.longest, len(argument.(string)))
		}
	}
	return nil, unavailable("CONNECTION", "no server is there", "")
}

func (l *longestArgument) close() error { return nil }

func TestALongRequestIsNotSentToRedis(t *testing.T) {
	lw := ok[*Client](t)(Open("redis://127.0.0.1:2", Options{Service: "shop"}))
	seen := &longestArgument{}
	lw.link.connection, lw.after = seen, seen
	middleware := ok[func(http.Handler) http.Handler](t)(Middleware(lw, MiddlewareOptions{
		KeyFunc: func(r *http.Request) (string, error) { return r.Header.Get("X-Key"), nil },
		Guard:   "site",
	}))
	long := strings.Repeat("a€", 100_000)
	path := "/" + strings.Repeat("%E2%82%AC", 100_000)
	request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, http.NoBody)
	request.Header.Set("User-Agent", long)
	request.Header.Set("X-Key", long)
	middleware(http.NotFoundHandler()).ServeHTTP(httptest.NewRecorder(), request)
	if err := lw.Close(); err != nil {
		t.Fatal(err)
	}
	token := Secret(long)
	if _, err := lw.Verify(t.Context(), "auth", token, ""); !errors.Is(err, ErrTokenInvalid) {
		t.Fatalf("a token that is too long: %v", err)
	}
	if found, err := lw.Introspect(t.Context(), "auth", token); err != nil || found.Active {
		t.Fatalf("a token that is too long: %v, %v", found, err)
	}
	if seen.sent != 4 || seen.longest > maxTextBytes || seen.longest < maxTextBytes-utf8.UTFMax {
		t.Fatalf("%d commands were sent, the longest argument has %d bytes", seen.sent, seen.longest)
	}
}
