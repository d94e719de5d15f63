// Package lockwatch is a thin client of the Redis module lockwatch, and middleware on top of it.
//
// A [Client] has a method for each command. Start with [Open]:
//
//	lw, err := lockwatch.Open("redis://localhost:6379", lockwatch.Options{Service: "shop"})
//	…
//	result, err := lw.RateLimit(ctx, "user:42", lockwatch.MustParseLimits("100/minute"))
//
// Where to find what:
//
//   - conn_*.go and internal/breaker: the connections to Redis, with their timeouts and the circuit
//     breaker. command.go: how the rest of the package sends commands.
//   - ratelimit.go, multi.go, policy.go, burst.go, lease.go, audit.go, alert.go, tokens.go, guard.go,
//     guard_admin.go and explain.go: the commands, their arguments and their results. records.go
//     reads replies, errors.go has the errors, limits.go and duration.go what people write.
//   - leases.go holds a lease, budget.go reserves tokens of a language model, client_keys.go lists the
//     keys of one client, message_limit.go limits messages of a WebSocket.
//   - http_*.go: the middleware and limits on routes. store.go: what a store for another limiter is
//     made of.
//   - guard_login.go, guard_attempt.go and device.go: a guard in front of a login. token_*.go: login,
//     refresh and logout, and routes that need a token.
//   - queue*.go: commands that are sent after a response. failurelog.go: what is logged of failures.
//     stats.go: the counters and the hook that tell what happened to requests.
//   - internal/testserver, internal/casefile and internal/conformance: for the tests.
package lockwatch
