// Command bench is a hello-world application on net/http, bare or behind one of the compared
// limiters. The variables MODE and REDIS_URL say which one. scripts/bench.sh --clients runs it.
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/go-redis/redis_rate/v10"
	"github.com/redis/go-redis/v9"

	"lockwatch"
)

const limit = 1_000_000_000

func main() {
	if err := serve(os.Getenv("MODE"), os.Getenv("REDIS_URL")); err != nil {
		log.Fatal(err)
	}
}

// serve prints the address of the application.
func serve(mode, url string) error {
	handler, err := handlerOf(mode, url)
	if err != nil {
		return err
	}
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(listener.Addr())
	server := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}
	return server.Serve(listener)
}

func handlerOf(mode, url string) (http.Handler, error) {
	hello := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		_, _ = io.WriteString(w, "hello, world")
	})
	switch mode {
	case "bare":
		return hello, nil
	case "peer":
		options, err := redis.ParseURL(url)
		if err != nil {
			return nil, err
		}
		return withRedisRate(redis_rate.NewLimiter(redis.NewClient(options)), hello), nil
	}
	options := lockwatch.MiddlewareOptions{RateLimitRequests: limit, BurstThreshold: limit}
	if mode == "lockwatch-limit" {
		options = lockwatch.MiddlewareOptions{RateLimitRequests: limit, NoBursts: true, NoAudit: true}
	}
	// After a timeout the request would go on, and its measurement would be one without a limiter.
	patient := lockwatch.Options{Service: "bench", ConnectTimeout: 10 * time.Second, CommandTimeout: 10 * time.Second}
	client, err := lockwatch.Open(url, patient)
	if err != nil {
		return nil, err
	}
	middleware, err := lockwatch.Middleware(client, options)
	if err != nil {
		return nil, err
	}
	return middleware(hello), nil
}

// withRedisRate limits each address, and sets the headers that users of redis_rate usually set.
func withRedisRate(limiter *redis_rate.Limiter, next http.Handler) http.Handler {
	perMinute := redis_rate.PerMinute(limit)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.RemoteAddr)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		result, err := limiter.Allow(r.Context(), "ip:"+host, perMinute)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		headers := w.Header()
		headers.Set("X-RateLimit-Limit", strconv.Itoa(result.Limit.Rate))
		headers.Set("X-RateLimit-Remaining", strconv.Itoa(result.Remaining))
		headers.Set("X-RateLimit-Reset", strconv.Itoa(int(result.ResetAfter/time.Second)))
		if result.Allowed == 0 {
			headers.Set("Retry-After", strconv.Itoa(int(result.RetryAfter/time.Second)))
			http.Error(w, strings.ToLower(http.StatusText(http.StatusTooManyRequests)), http.StatusTooManyRequests)
			return
		}
		next.ServeHTTP(w, r)
	})
}
