package lockwatch_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lockwatch"
	"lockwatch/internal/testserver"
)

// siteOf serves a handler behind the middleware, with a real Redis.
func siteOf(t *testing.T, options lockwatch.MiddlewareOptions, handler http.Handler) (*httptest.Server, *lockwatch.Client) {
	t.Helper()
	client := lockwatch.Must(lockwatch.Open(testserver.Start(t).URL(), lockwatch.Options{Service: "shop"}))
	site := httptest.NewServer(lockwatch.Must(lockwatch.Middleware(client, options))(handler))
	t.Cleanup(func() {
		site.Close()
		_ = client.Close()
	})
	return site, client
}

// answer is a response whose body was read.
type answer struct {
	status  int
	headers http.Header
	body    string
}

func get(t *testing.T, address string) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, string(text)}
}

// statusOfEvent waits for the only event.
func statusOfEvent(t *testing.T, client *lockwatch.Client) int {
	t.Helper()
	var events []lockwatch.AuditEvent
	testserver.Eventually(t, "an event", 5*time.Second, func() bool {
		var err error
		events, err = client.AuditLog(context.Background(), lockwatch.AuditQuery{})
		return err == nil && len(events) == 1
	})
	return events[0].Status
}

func TestAClientThatLeavesHas499(t *testing.T) {
	arrived := make(chan struct{})
	site, client := siteOf(t, lockwatch.MiddlewareOptions{}, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-r.Context().Done()
	}))
	ctx, leave := context.WithCancel(t.Context())
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, site.URL, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		<-arrived
		leave()
	}()
	response, err := http.DefaultClient.Do(request)
	if err == nil {
		_ = response.Body.Close()
	}
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	if status := statusOfEvent(t, client); status != 499 {
		t.Errorf("the status in the event is %d", status)
	}
}

func TestAClientThatLeavesAfterTheWholeBodyHasItsStatus(t *testing.T) {
	const size = 1 << 20
	left := make(chan struct{})
	site, client := siteOf(t, lockwatch.MiddlewareOptions{}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(size))
		_, _ = w.Write(make([]byte, size))
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
		close(left)
	}))
	ctx, leave := context.WithCancel(t.Context())
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, site.URL, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{DisableKeepAlives: true}
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	leave()
	<-left
	if status := statusOfEvent(t, client); status != 200 {
		t.Errorf("the status in the event is %d", status)
	}
}

func TestAStreamIsNotBuffered(t *testing.T) {
	sent := make(chan struct{})
	site, _ := siteOf(t, lockwatch.MiddlewareOptions{}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "first\n")
		w.(http.Flusher).Flush()
		select {
		case <-sent:
		case <-r.Context().Done():
		}
		_, _ = io.WriteString(w, "second\n")
	}))
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, site.URL, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.Header.Get("X-RateLimit-Limit") != "100" {
		t.Error("a stream has no headers of the limit")
	}
	lines := bufio.NewScanner(response.Body)
	if !lines.Scan() || lines.Text() != "first" {
		t.Fatalf("got %q", lines.Text())
	}
	close(sent)
	if !lines.Scan() || lines.Text() != "second" {
		t.Fatalf("got %q", lines.Text())
	}
}

func TestTheWriterReadsFilesItself(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file.txt")
	text := strings.Repeat("file ", 100_000)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	site, client := siteOf(t, lockwatch.MiddlewareOptions{}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, ok := w.(io.ReaderFrom); !ok {
			t.Error("the writer is no ReaderFrom")
		}
		http.ServeFile(w, r, path)
	}))
	if got := get(t, site.URL); got.body != text || got.headers.Get("X-RateLimit-Remaining") != "99" {
		t.Errorf("got %d bytes with %v", len(got.body), got.headers)
	}
	if status := statusOfEvent(t, client); status != 200 {
		t.Errorf("the status in the event is %d", status)
	}
}

func TestTheWriterTakesTexts(t *testing.T) {
	site, client := siteOf(t, lockwatch.MiddlewareOptions{}, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		writer, ok := w.(io.StringWriter)
		if !ok {
			t.Error("the writer is no StringWriter")
			return
		}
		if written, err := writer.WriteString("a text"); written != 6 || err != nil {
			t.Errorf("it wrote %d bytes: %v", written, err)
		}
	}))
	if got := get(t, site.URL); got.body != "a text" || got.headers.Get("X-RateLimit-Remaining") != "99" {
		t.Errorf("got %q with %v", got.body, got.headers)
	}
	if status := statusOfEvent(t, client); status != 200 {
		t.Errorf("the status in the event is %d", status)
	}
}

func TestHeadersOfTheApplicationStay(t *testing.T) {
	behind := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-RateLimit-Limit", "7")
	}))
	defer behind.Close()
	target, err := url.Parse(behind.URL)
	if err != nil {
		t.Fatal(err)
	}
	// It adds the headers of the application to those that are there.
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}
	site, _ := siteOf(t, lockwatch.MiddlewareOptions{}, proxy)
	headers := get(t, site.URL).headers
	if got := headers.Values("X-RateLimit-Limit"); len(got) != 1 || got[0] != "7" {
		t.Errorf("X-RateLimit-Limit is %q", got)
	}
	if headers.Get("X-RateLimit-Remaining") != "99" {
		t.Errorf("the headers are %v", headers)
	}
}

func TestAnInformationalResponseIsPassedOn(t *testing.T) {
	site, client := siteOf(t, lockwatch.MiddlewareOptions{}, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(http.StatusNoContent)
	}))
	if got := get(t, site.URL); got.status != http.StatusNoContent || got.headers.Get("X-RateLimit-Limit") != "100" {
		t.Errorf("got %d with %v", got.status, got.headers)
	}
	if status := statusOfEvent(t, client); status != 204 {
		t.Errorf("the status in the event is %d", status)
	}
}
