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
//   - ratelimit.go, multi.go, lease.go, burst.go, policy.go, audit.go, tokens.go, guard.go and
//     guard_admin.go: the commands, their arguments and their results. errors.go: the errors.
//   - limits.go and duration.go: what people write.
//   - queue.go: commands that are sent after a response. failurelog.go: what is logged of failures.
//   - stats.go: the counters and the hook that tell what happened to requests.
package lockwatch
