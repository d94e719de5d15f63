package lockwatch

import (
	"context"
	"encoding/json"
)

// method calls a method of the client by the arguments of a case.
type method func(lw *Client, ctx context.Context, a *arguments) (any, error)

// viewed makes the result of a method one with the names of the Python client.
func viewed[T any](view func(T) any) func(T, error) (any, error) {
	return func(result T, err error) (any, error) {
		if err != nil {
			return nil, err
		}
		return view(result), nil
	}
}

func asItIs[T any](result T) any { return result }

var methods map[string]method

func init() {
	methods = map[string]method{}
	for _, some := range []map[string]method{limiterMethods, auditMethods, tokenMethods, guardMethods, operatorMethods} {
		for name, each := range some {
			methods[name] = func(lw *Client, ctx context.Context, a *arguments) (any, error) {
				result, err := each(lw, ctx, a)
				if a.err != nil {
					return nil, a.err
				}
				return result, err
			}
		}
	}
}

var limiterMethods = map[string]method{
	"ratelimit": func(lw *Client, ctx context.Context, a *arguments) (any, error) {
		args := RateLimitArgs{Cost: a.cost(a.values["cost"]), Force: a.flag("force"), WithTime: a.flag("with_time")}
		return viewed(viewLimit)(lw.RateLimitArgs(ctx, a.text("key"), a.limits(a.values["limits"]), args))
	},
	"peek": func(lw *Client, ctx context.Context, a *arguments) (any, error) {
		return viewed(viewLimit)(lw.Peek(ctx, a.text("key"), a.limits(a.values["limits"]), a.cost(a.values["cost"])))
	},
	"mratelimit": func(lw *Client, ctx context.Context, a *arguments) (any, error) {
		return viewed(viewMulti)(lw.MRateLimit(ctx, a.entries()...))
	},
	"mpeek": func(lw *Client, ctx context.Context, a *arguments) (any, error) {
		return viewed(viewMulti)(lw.MPeek(ctx, a.entries()...))
	},
	"refund": func(lw *Client, ctx context.Context, a *arguments) (any, error) {
		return viewed(asItIs[int64])(lw.Refund(ctx, a.text("key"), a.number("units"), a.time("at")))
	},
	"settle": func(lw *Client, ctx context.Context, a *arguments) (any, error) {
		return viewed(viewSettlement)(lw.Settle(ctx, a.text("key"), a.number("reserved"), a.number("actual"), a.time("at")))
	},
	"burst": func(lw *Client, ctx context.Context, a *arguments) (any, error) {
		args := BurstArgs{
			Cooldown: a.duration("cooldown"), IP: a.text("ip"), Endpoint: a.text("endpoint"), Method: a.text("method"),
			Agent: a.text("agent"),
		}
		return viewed(viewBurst)(lw.Burst(ctx, a.text("key"), a.number("threshold"), a.duration("window"), args))
	},
	"acquire": func(lw *Client, ctx context.Context, a *arguments) (any, error) {
		args := LeaseArgs{ID: a.text("id"), Cost: a.number("cost"), OnClose: a.flag("on_close")}
		return viewed(viewLease)(lw.Acquire(ctx, a.text("key"), a.number("limit"), a.duration("ttl"), args))
	},
	"renew": func(lw *Client, ctx context.Context, a *arguments) (any, error) {
		return viewed(asItIs[bool])(lw.Renew(ctx, a.text("key"), a.text("id"), a.duration("ttl")))
	},
	"release": func(lw *Client, ctx context.Context, a *arguments) (any, error) {
		return viewed(asItIs[bool])(lw.Release(ctx, a.text("key"), a.text("id")))
	},
}

var auditMethods = map[string]method{
	"alert": func(lw *Client, ctx context.Context, a *arguments) (any, error) {
		args := AlertArgs{Dedup: a.text("dedup"), Cooldown: a.duration("cooldown")}
		return viewed(optionalText)(lw.Alert(ctx, a.text("type"), a.json("data"), args))
	},
	"audit": func(lw *Client, ctx context.Context, a *arguments) (any, error) {
		record := AuditRecord{
			Kind: a.text("kind"), User: a.text("user"), IP: a.text("ip"), Method: a.text("method"),
			Endpoint: a.text("endpoint"), Status: int(a.number("status")), Limited: a.flag("limited"),
			Anomaly: a.flag("anomaly"), Time: a.time("time"), Data: a.json("data"),
		}
		if a.has("latency_ms") {
			record.Latency = a.durationOf(a.text("latency_ms") + "ms")
		}
		return viewed(asItIs[string])(lw.Audit(ctx, record))
	},
	"audit_log": func(lw *Client, ctx context.Context, a *arguments) (any, error) {
		return viewed(viewAll(viewEvent))(lw.AuditLog(ctx, AuditQuery{
			Kind: a.text("kind"), User: a.text("user"), IP: a.text("ip"), Endpoint: a.text("endpoint"),
			From: a.time("since"), To: a.time("until"), Limited: a.flag("limited"), Anomaly: a.flag("anomaly"),
			Count: int(a.number("count")), Before: a.text("before"),
		}))
	},
}

var tokenMethods = map[string]method{
	"issue": func(lw *Client, ctx context.Context, a *arguments) (any, error) {
		args := IssueArgs{Claims: a.json("claims"), Audience: a.texts("audience"), AccessTTL: a.duration("access_ttl")}
		args.RefreshTTL = a.duration("refresh_ttl")
		args.AccessOnly = a.has("refresh_ttl") && args.RefreshTTL == 0
		args.Meta = a.json("meta")
		return viewed(viewTokens)(lw.Issue(ctx, a.text("store"), a.text("subject"), args))
	},
	"rotate": func(lw *Client, ctx context.Context, a *arguments) (any, error) {
		args := RotateArgs{Claims: a.json("claims"), Meta: a.json("meta")}
		return viewed(viewTokens)(lw.Rotate(ctx, a.text("store"), Secret(a.text("refresh_token")), args))
	},
	"set_claims": func(lw *Client, ctx context.Context, a *arguments) (any, error) {
		set, whose := lw.SetSessionClaims, a.text("session")
		if a.has("subject") {
			set, whose = lw.SetSubjectClaims, a.text("subject")
		}
		return viewed(asItIs[int64])(set(ctx, a.text("store"), whose, a.json("claims")))
	},
	"verify": func(lw *Client, ctx context.Context, a *arguments) (any, error) {
		return viewed(viewClaims)(lw.Verify(ctx, a.text("store"), Secret(a.text("access_token")), a.text("audience")))
	},
	"introspect": func(lw *Client, ctx context.Context, a *arguments) (any, error) {
		return viewed(func(found *Introspection) any { return map[string]any{"active": found.Active, "all": found.All} })(
			lw.Introspect(ctx, a.text("store"), Secret(a.text("token"))))
	},
	"revoke": func(lw *Client, ctx context.Context, a *arguments) (any, error) {
		store := a.text("store")
		switch {
		case a.has("token"):
			return viewed(asItIs[int64])(lw.Revoke(ctx, store, Secret(a.text("token"))))
		case a.has("session"):
			return viewed(asItIs[int64])(lw.RevokeSession(ctx, store, a.text("session")))
		}
		return viewed(asItIs[int64])(lw.RevokeSubject(ctx, store, a.text("subject"), a.text("keep")))
	},
	"revoke_all": func(lw *Client, ctx context.Context, a *arguments) (any, error) {
		return viewed(asItIs[int64])(lw.RevokeAll(ctx, a.text("store")))
	},
	"sessions": func(lw *Client, ctx context.Context, a *arguments) (any, error) {
		return viewed(viewAll(viewSession))(lw.Sessions(ctx, a.text("store"), a.text("subject")))
	},
	"jwks": func(lw *Client, ctx context.Context, _ *arguments) (any, error) {
		return viewed(asItIs[json.RawMessage])(lw.JWKS(ctx))
	},
}

var guardMethods = map[string]method{
	"attempt": func(lw *Client, ctx context.Context, a *arguments) (any, error) {
		return viewed(viewGuard)(lw.Attempt(ctx, a.text("key"), AttemptArgs{
			IP: a.text("ip"), User: a.text("user"), UserAsGiven: a.asGiven(), Device: a.text("device"),
			Value: a.text("value"), Solved: a.flag("solved"),
		}))
	},
	"event": func(lw *Client, ctx context.Context, a *arguments) (any, error) {
		return viewed(viewGuard)(lw.Event(ctx, a.text("key"), a.text("kind"), EventArgs{
			IP: a.text("ip"), User: a.text("user"), Key: a.text("free_key"), Value: a.text("value"), Device: a.text("device"),
		}))
	},
	"check": func(lw *Client, ctx context.Context, a *arguments) (any, error) {
		return viewed(viewGuard)(lw.Check(ctx, a.text("key"), CheckArgs{
			IP: a.text("ip"), User: a.text("user"), Key: a.text("free_key"), Device: a.text("device"),
		}))
	},
	"ban": func(lw *Client, ctx context.Context, a *arguments) (any, error) {
		args := EntryArgs{Reason: a.text("reason"), By: a.text("by")}
		return viewed(viewTime)(lw.Ban(ctx, a.text("key"), a.subject(), a.duration("duration"), args))
	},
	"allow": func(lw *Client, ctx context.Context, a *arguments) (any, error) {
		args := EntryArgs{Reason: a.text("reason"), By: a.text("by")}
		return viewed(viewTime)(lw.Allow(ctx, a.text("key"), a.subject(), a.duration("duration"), args))
	},
	"lift": func(lw *Client, ctx context.Context, a *arguments) (any, error) {
		args := LiftArgs{Forget: a.flag("forget"), Allowed: a.flag("allowed"), By: a.text("by")}
		if a.flag("everything") {
			return viewed(asItIs[int64])(lw.LiftAll(ctx, a.text("key"), args))
		}
		return viewed(asItIs[int64])(lw.Lift(ctx, a.text("key"), a.subject(), args))
	},
	"bans": func(lw *Client, ctx context.Context, a *arguments) (any, error) {
		args := BansArgs{Allowed: a.flag("allowed"), Observed: a.flag("observed"), After: a.text("after")}
		args.Count = int(a.number("count"))
		return viewed(viewAll(viewEntry))(lw.Bans(ctx, a.text("key"), args))
	},
	"why": func(lw *Client, ctx context.Context, a *arguments) (any, error) {
		return viewed(viewReport)(lw.Why(ctx, a.text("key"), a.subject()))
	},
	"rules": func(lw *Client, ctx context.Context, a *arguments) (any, error) {
		return viewed(asItIs[[]string])(lw.Rules(ctx, a.text("name")))
	},
}

var operatorMethods = map[string]method{
	"top": func(lw *Client, ctx context.Context, a *arguments) (any, error) {
		return viewed(viewAll(viewTopKey))(lw.Top(ctx, int(a.number("count"))))
	},
	"inspect": func(lw *Client, ctx context.Context, a *arguments) (any, error) {
		return viewed(viewKey)(lw.Inspect(ctx, a.text("key")))
	},
	"client_keys": func(lw *Client, ctx context.Context, a *arguments) (any, error) {
		return viewed(viewAll(viewClientKey))(lw.ClientKeys(ctx, a.clientOf()))
	},
	"reset": func(lw *Client, ctx context.Context, a *arguments) (any, error) {
		return viewed(asItIs[int64])(lw.ResetClient(ctx, a.clientOf()))
	},
}

func (a *arguments) entries() []MultiEntry {
	list, _ := a.values["entries"].([]any)
	var entries []MultiEntry
	for _, each := range list {
		words, _ := each.([]any)
		if len(words) < 2 || len(words) > 3 {
			a.err = &notInGoError{"an entry of another length"}
			return nil
		}
		key, isText := words[0].(string)
		if !isText {
			a.err = &notInGoError{"a key that is no text"}
		}
		entry := MultiEntry{Key: key, Limits: a.limits(words[1])}
		if len(words) == 3 {
			entry.Cost = a.cost(words[2])
		}
		entries = append(entries, entry)
	}
	return entries
}

// json returns an argument as the raw JSON of the file, which keeps the order of its fields. It is
// nil if the argument is missing.
func (a *arguments) json(name string) any {
	if !a.has(name) {
		return nil
	}
	return a.raw[name]
}

func (a *arguments) texts(name string) []string {
	switch value := a.values[name].(type) {
	case string:
		return []string{value}
	case []any:
		if len(value) == 0 {
			a.err = &notInGoError{"an empty list beside none"}
		}
		var texts []string
		for _, each := range value {
			text, _ := each.(string)
			texts = append(texts, text)
		}
		return texts
	}
	return nil
}

func (a *arguments) asGiven() bool {
	normalize, given := a.values["normalize"].(bool)
	return given && !normalize
}

func (a *arguments) subject() Subject {
	return Subject{IP: a.text("ip"), User: a.text("user"), Key: a.text("free_key"), Hash: a.text("user_hash")}
}

func (a *arguments) clientOf() ClientOf {
	return ClientOf{Client: a.text("client"), Key: a.text("key"), Address: a.text("address")}
}
