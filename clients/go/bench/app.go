package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/go-redis/redis_rate/v10"
	"github.com/redis/go-redis/v9"

	"lockwatch"
)

const limit = 1_000_000_000

// redisVariable is the URL of Redis in the environment of the application.
const redisVariable = "LOCKWATCH_BENCH_REDIS"

// serve is the application. It prints its address, and then its CPU time for each line that it reads.
func serve(mode string) error {
	handler, err := handlerOf(mode, os.Getenv(redisVariable))
	if err != nil {
		return err
	}
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(listener.Addr())
	server := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(listener) }()
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var used syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
			return err
		}
		fmt.Println(used.Utime.Nano() + used.Stime.Nano())
	}
	return nil
}

func handlerOf(mode, url string) (http.Handler, error) {
	hello := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		_, _ = io.WriteString(w, "hello, world")
	})
	switch mode {
	case "bare":
		return hello, nil
	case "redis-rate":
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
	client, err := lockwatch.Open(url, lockwatch.Options{Service: "bench", CommandTimeout: 10 * time.Second})
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
