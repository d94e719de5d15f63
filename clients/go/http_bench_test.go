package lockwatch

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
)

// answering is a connection that admits every request at once.
type answering struct{}

func (answering) send(_ context.Context, commands []command) ([]reply, error) {
	replies := make([]reply, len(commands))
	for i, each := range commands {
		if each.args[0] == "LW.BURST" {
			replies[i].value = []any{int64(0), int64(1), int64(0)}
			continue
		}
		replies[i].value = []any{int64(0), int64(100), int64(99), int64(0), int64(60000)}
	}
	return replies, nil
}

func (answering) close() error { return nil }

// BenchmarkMiddleware measures what a request costs without Redis.
func BenchmarkMiddleware(b *testing.B) {
	client := Must(Open("redis://127.0.0.1:1", Options{Service: "shop"}))
	client.link.connection, client.after = answering{}, answering{}
	handler := Must(Middleware(client, MiddlewareOptions{NoAudit: true}))(http.HandlerFunc(
		func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) },
	))
	r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, "/items/7", http.NoBody)
	b.ReportAllocs()
	for b.Loop() {
		w := discarding{http.Header{}}
		handler.ServeHTTP(w, r)
	}
}

type discarding struct{ headers http.Header }

func (d discarding) Header() http.Header            { return d.headers }
func (d discarding) Write(body []byte) (int, error) { return len(body), nil }
func (d discarding) WriteHeader(int)                {}
