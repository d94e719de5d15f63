package lockwatch

import (
	"time"
)

// view is a result with the names of the Python client.
type view = map[string]any

func viewAll[T any](one func(T) any) func([]T) any {
	return func(all []T) any {
		views := make([]any, len(all))
		for i, each := range all {
			views[i] = one(each)
		}
		return views
	}
}

func optionalText(text string) any {
	if text == "" {
		return nil
	}
	return text
}

func viewWait(wait time.Duration) any {
	if wait == Never {
		return "never"
	}
	return wait.Milliseconds()
}

func viewTime(at time.Time) any {
	if at.IsZero() {
		return nil
	}
	return at.UnixMilli()
}

func viewSeconds(seconds int64, waits bool) any {
	if !waits {
		return nil
	}
	return seconds
}

func viewLimit(r *RateLimitResult) any {
	return view{
		"allowed": r.Allowed, "limit": r.Limit, "remaining": r.Remaining, "retry_after_ms": viewWait(r.RetryAfter),
		"retry_after_seconds": viewSeconds(r.RetryAfterSeconds()), "reset_after_ms": r.ResetAfter.Milliseconds(),
		"time_ms": viewTime(r.Time),
	}
}

func viewMulti(r *MultiResult) any {
	return view{
		"allowed": r.Allowed, "binding": r.Binding, "retry_after_ms": viewWait(r.RetryAfter),
		"retry_after_seconds": viewSeconds(r.Result().RetryAfterSeconds()), "time_ms": viewTime(r.Time),
		"results": viewAll(func(e MultiEntryResult) any {
			return view{
				"key": e.Key, "limit": e.Limit, "remaining": e.Remaining, "reset_after_ms": e.ResetAfter.Milliseconds(),
			}
		})(r.Entries),
	}
}

func viewSettlement(s *Settlement) any {
	return view{"refunded": s.Refunded, "recorded": s.Recorded, "time_ms": viewTime(s.Time)}
}

func viewBurst(b *BurstResult) any {
	return view{"burst": b.Burst, "count": b.Count, "alerted": b.Alerted}
}

func viewLease(l *LeaseResult) any {
	id := optionalText(l.ID)
	if leaseID.MatchString(l.ID) {
		id = "<lease id>"
	}
	return view{
		"acquired": l.Acquired, "repeated": l.Repeated, "id": id, "in_use": l.InUse,
		"retry_after_ms": viewWait(l.RetryAfter), "fence": l.Fence,
	}
}

func viewEvent(e AuditEvent) any {
	found := view{
		"id": e.ID, "timestamp": viewTime(e.Time), "kind": e.Kind, "user": optionalText(e.User), "ip": optionalText(e.IP),
		"endpoint": optionalText(e.Endpoint), "method": optionalText(e.Method), "status": nil, "limited": e.Limited,
		"anomaly": e.Anomaly, "latency_ms": nil, "data": e.Data,
	}
	if e.Status != 0 {
		found["status"] = e.Status
	}
	if e.Latency != 0 {
		found["latency_ms"] = float64(e.Latency) / float64(time.Millisecond)
	}
	return found
}

func viewTokens(t *Tokens) any {
	return view{
		"access_token": string(t.AccessToken), "refresh_token": optionalText(string(t.RefreshToken)),
		"access_expires_at": viewTime(t.AccessExpiresAt), "refresh_expires_at": viewTime(t.RefreshExpiresAt),
		"session_id": t.SessionID,
	}
}

func viewClaims(c *Claims) any {
	return view{"sub": c.Subject, "sid": c.SessionID, "jti": c.ID, "exp": c.ExpiresAt.Unix(), "all": c.All}
}

func viewSession(s Session) any {
	return view{
		"session_id": s.ID, "created_at": viewTime(s.CreatedAt), "rotated_at": viewTime(s.RotatedAt),
		"expires_at": viewTime(s.ExpiresAt), "generation": s.Generation, "meta": s.Meta,
	}
}

func viewGuard(g *GuardResult) any {
	return view{
		"verdict": g.Verdict, "retry_after_ms": g.RetryAfter.Milliseconds(),
		"retry_after_seconds": viewSeconds(g.RetryAfterSeconds()), "rule": optionalText(g.Rule), "strikes": g.Strikes,
		"would": g.Would, "alerted": g.Alerted,
	}
}

func viewEntry(e GuardEntry) any {
	return view{
		"subject": e.Subject, "hash": optionalText(e.Hash), "source": e.Source, "rule": optionalText(e.Rule),
		"verdict": e.Verdict, "began_at": viewTime(e.BeganAt), "ends_at": viewTime(e.EndsAt), "strikes": e.Strikes,
		"count": e.Count, "window_ms": e.Window.Milliseconds(), "reason": optionalText(e.Reason), "by": optionalText(e.By),
		"acl_user": optionalText(e.ACLUser), "cursor": optionalText(e.Cursor),
	}
}

func viewReport(r *GuardReport) any {
	return view{
		"subject": optionalText(r.Subject), "hash": optionalText(r.Hash), "verdict": r.Verdict, "rule": optionalText(r.Rule),
		"retry_after_ms": r.RetryAfter.Milliseconds(), "would": r.Would, "known_networks": r.KnownNetworks,
		"known_devices": r.KnownDevices, "entries": viewAll(viewEntry)(r.Entries),
		"challenges": viewAll(func(c GuardChallenge) any {
			return view{
				"subject": c.Subject, "rule": c.Rule, "verdict": c.Verdict, "began_at": viewTime(c.BeganAt),
				"ends_at": viewTime(c.EndsAt),
			}
		})(r.Challenges),
		"counts": viewAll(func(c GuardCount) any {
			return view{
				"subject": c.Subject, "rule": c.Rule, "units": c.Units, "count": c.Count,
				"window_ms": c.Window.Milliseconds(), "strikes": c.Strikes, "quiet_until": viewTime(c.QuietUntil),
			}
		})(r.Counts),
	}
}

func viewTopKey(k TopKey) any {
	return view{
		"key": k.Key, "db": k.DB, "denied": k.Denied, "error": k.Error, "last": viewTime(k.Last),
		"policy": optionalText(k.Policy),
	}
}

func viewKey(k *KeyReport) any {
	if k == nil {
		return nil
	}
	return view{
		"type": k.Type, "bytes": k.Bytes, "entries": k.Entries, "expires_at": viewTime(k.ExpiresAt), "details": k.Details,
		"windows": viewAll(func(w WindowUsage) any {
			return view{
				"window_ms": w.Window.Milliseconds(), "used": w.Used, "first_free_ms": w.FirstFree.Milliseconds(),
				"reset_ms": w.Reset.Milliseconds(),
			}
		})(k.Windows),
	}
}

func viewClientKey(k ClientKey) any {
	found := view{
		"key": k.Key, "kind": k.Kind, "policy": optionalText(k.Policy), "expires_in": nil,
		"last_minute": nil, "last_hour": nil, "last_day": nil,
	}
	if k.ExpiresIn != Never {
		found["expires_in"] = k.ExpiresIn.Seconds()
	}
	if k.Usage != nil {
		found["last_minute"], found["last_hour"], found["last_day"] = k.Usage.LastMinute, k.Usage.LastHour, k.Usage.LastDay
	}
	return found
}
