// Shop is an application with limits, a guarded login, and orders that need an access token:
//
//	go run ./examples/shop
//
// It expects Redis with lockwatch at REDIS_URL, redis://localhost:6379 unless set.
package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/signal"
	"time"

	"lockwatch"
)

func main() {
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

func run() error {
	lw, err := lockwatch.Open(cmp.Or(os.Getenv("REDIS_URL"), "redis://localhost:6379"), lockwatch.Options{Service: "shop"})
	if err != nil {
		return err
	}
	// After the server has stopped: sends the audit events that wait.
	defer func() { _ = lw.Close() }()
	handler, err := newHandler(lw, "https://shop.example.com")
	if err != nil {
		return err
	}
	server := &http.Server{Addr: "localhost:8000", Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	stopping, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	go func() {
		<-stopping.Done()
		_ = server.Shutdown(context.Background())
	}()
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// newHandler makes the application. origin is that of its pages.
func newHandler(lw *lockwatch.Client, origin string) (http.Handler, error) {
	middleware, err := lockwatch.Middleware(lw, lockwatch.MiddlewareOptions{
		Limits: "100/minute; 2000/hour",
		Routes: []lockwatch.Route{
			{Pattern: "POST /auth/login", Limits: "5/minute; 20/hour", OnRedisFailure: lockwatch.FailDeny},
		},
		Exempt: []string{"/healthz"},
	})
	if err != nil {
		return nil, err
	}
	// In production a secret from the configuration, the same in every process.
	digestKey := make([]byte, 32)
	_, _ = rand.Read(digestKey) // It never fails.
	guard, err := lockwatch.NewGuard(lw, "login", lockwatch.GuardOptions{
		Challenge: lockwatch.ChallengeDeny, PasswordDigestKey: digestKey,
	})
	if err != nil {
		return nil, err
	}
	tokens, err := lockwatch.NewTokenEndpoints(lw, lockwatch.TokenOptions{
		Store: "auth", Authenticate: authenticate, Guard: guard,
		Cookie: &lockwatch.CookieOptions{Origins: []string{origin}},
	})
	if err != nil {
		return nil, err
	}
	needsToken, err := lockwatch.RequireToken(lw, lockwatch.BearerOptions{Store: "auth", Scopes: []string{"orders:read"}})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	tokens.Register(mux, "/auth")
	mux.Handle("GET "+lockwatch.JWKSPath, lw.JWKSHandler())
	mux.Handle("GET /orders", needsToken(http.HandlerFunc(orders)))
	mux.HandleFunc("GET /items", func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintln(w, "lamp, chair") })
	mux.HandleFunc("GET /healthz", func(http.ResponseWriter, *http.Request) {})
	return middleware(mux), nil
}

// authenticate is yours: hashes of passwords in a database.
func authenticate(r *http.Request) (*lockwatch.Login, error) {
	name, password := lockwatch.Credentials(r)
	if name != "alice" || password != "wonderland" {
		return nil, nil
	}
	return &lockwatch.Login{Subject: name, Claims: map[string]any{"scope": "orders:read"}}, nil
}

func orders(w http.ResponseWriter, r *http.Request) {
	_, _ = fmt.Fprintf(w, "orders of %s\n", lockwatch.ClaimsOf(r.Context()).Subject)
}
