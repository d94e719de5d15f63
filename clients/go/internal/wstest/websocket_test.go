// Package wstest tests handshakes of WebSockets behind the middleware, with the libraries for them.
package wstest

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/gin-gonic/gin"
	gorilla "github.com/gorilla/websocket"
	"github.com/labstack/echo/v4"

	"lockwatch"
	lockwatchecho "lockwatch/echo"
	lockwatchgin "lockwatch/gin"
	"lockwatch/internal/testserver"
)

// frameworks make an application of one handler behind the middleware.
var frameworks = map[string]func(*lockwatch.Client, lockwatch.MiddlewareOptions, http.HandlerFunc) http.Handler{
	"net/http": func(client *lockwatch.Client, options lockwatch.MiddlewareOptions, live http.HandlerFunc) http.Handler {
		return lockwatch.Must(lockwatch.Middleware(client, options))(live)
	},
	"gin": func(client *lockwatch.Client, options lockwatch.MiddlewareOptions, live http.HandlerFunc) http.Handler {
		gin.SetMode(gin.TestMode)
		router := gin.New()
		router.Use(lockwatch.Must(lockwatchgin.Middleware(client, options)))
		router.GET("/live", gin.WrapF(live))
		return router
	},
	"echo": func(client *lockwatch.Client, options lockwatch.MiddlewareOptions, live http.HandlerFunc) http.Handler {
		e := echo.New()
		e.Use(lockwatch.Must(lockwatchecho.Middleware(client, options)))
		e.GET("/live", echo.WrapHandler(live))
		return e
	},
}

// libraries answer each message with the same text, up to two messages in a minute.
var libraries = map[string]func(*testing.T) http.HandlerFunc{"gorilla": withGorilla, "coder": withCoder}

func withGorilla(t *testing.T) http.HandlerFunc {
	upgrader := gorilla.Upgrader{}
	return func(w http.ResponseWriter, r *http.Request) {
		// It writes past the ResponseWriter, so it is given the headers.
		connection, err := upgrader.Upgrade(w, r, lockwatch.StateOf(r.Context()).Header())
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = connection.Close() }()
		limit := lockwatch.Must(lockwatch.NewMessageLimit("2/minute"))
		for {
			kind, text, err := connection.ReadMessage()
			if err != nil || !limit.Allow() || connection.WriteMessage(kind, text) != nil {
				return
			}
		}
	}
}

func withCoder(t *testing.T) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		connection, err := websocket.Accept(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = connection.CloseNow() }()
		limit := lockwatch.Must(lockwatch.NewMessageLimit("2/minute"))
		for {
			kind, text, err := connection.Read(r.Context())
			if err != nil || !limit.Allow() || connection.Write(r.Context(), kind, text) != nil {
				return
			}
		}
	}
}

func TestHandshakes(t *testing.T) {
	for framework, build := range frameworks {
		for library, live := range libraries {
			t.Run(framework+" "+library, func(t *testing.T) {
				client := lockwatch.Must(lockwatch.Open(testserver.Start(t).URL(), lockwatch.Options{Service: "shop"}))
				site := httptest.NewServer(build(client, lockwatch.MiddlewareOptions{Limits: "1/hour"}, live(t)))
				t.Cleanup(func() {
					site.Close()
					_ = client.Close()
				})
				accepted(t, site.URL, client)
				denied(t, site.URL)
			})
		}
	}
}

func liveOf(url string) string { return "ws" + strings.TrimPrefix(url, "http") + "/live" }

// accepted: the handshake counts, has the headers, and its event comes before the connection ends.
func accepted(t *testing.T, url string, client *lockwatch.Client) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	connection, response, err := websocket.Dial(ctx, liveOf(url), nil) //nolint:bodyclose // the library does
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = connection.CloseNow() }()
	if got := response.Header.Get("X-RateLimit-Remaining"); got != "0" {
		t.Errorf("X-RateLimit-Remaining is %q", got)
	}
	testserver.Eventually(t, "the event", 5*time.Second, func() bool {
		events, err := client.AuditLog(ctx, lockwatch.AuditQuery{})
		return err == nil && len(events) == 1 && events[0].Status == http.StatusSwitchingProtocols && !events[0].Limited
	})
	for range 2 {
		if err := connection.Write(ctx, websocket.MessageText, []byte("hello")); err != nil {
			t.Fatal(err)
		}
		if _, text, err := connection.Read(ctx); err != nil || string(text) != "hello" {
			t.Fatalf("got %q, %v", text, err)
		}
	}
	if err := connection.Write(ctx, websocket.MessageText, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	if _, text, err := connection.Read(ctx); err == nil {
		t.Errorf("a third message was answered: %q", text)
	}
}

// denied: the handshake is answered as any request.
func denied(t *testing.T, url string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	connection, response, err := websocket.Dial(ctx, liveOf(url), nil) //nolint:bodyclose // the library does
	if err == nil {
		_ = connection.CloseNow()
		t.Fatal("the handshake is accepted")
	}
	if response == nil || response.StatusCode != http.StatusTooManyRequests || response.Header.Get("Retry-After") == "" {
		t.Errorf("the handshake is answered %+v", response)
	}
}
