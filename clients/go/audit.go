package lockwatch

import (
	"context"
	"encoding/json"
	"strconv"
	"time"
)

// AuditRecord is an event to record. At least one field besides Kind and Time is needed.
type AuditRecord struct {
	// Kind is "request" unless given.
	Kind string
	User, IP, Method,
	// Endpoint is a path. Leave query strings out, because they hold secrets.
	Endpoint string
	Status int
	// Limited says that a limit denied the request, and Anomaly that it was part of a burst.
	Limited, Anomaly bool
	// Latency is not recorded if it is 0.
	Latency time.Duration
	// Time is when it was, now unless given.
	Time time.Time
	// Data is anything that JSON can express.
	Data any
}

// Audit records an event, and returns its id (LW.AUDIT). The event is in the journal of the server
// then.
func (c *Client) Audit(ctx context.Context, event AuditRecord) (string, error) {
	cmd, err := auditCommand(event)
	if err != nil {
		return "", err
	}
	return readText(c.execute(ctx, cmd))
}

func auditCommand(event AuditRecord) (command, error) {
	data, err := jsonArgument("Data", event.Data)
	if err != nil {
		return command{}, err
	}
	cmd := command{args: []any{"LW.AUDIT"}}.
		with("KIND", event.Kind).with("USER", event.User).with("IP", event.IP).with("METHOD", event.Method).
		with("ENDPOINT", event.Endpoint)
	if event.Status != 0 {
		cmd = cmd.with("STATUS", strconv.Itoa(event.Status))
	}
	cmd = cmd.flag("LIMITED", event.Limited).flag("ANOMALY", event.Anomaly)
	if event.Latency > 0 {
		cmd = cmd.with("LATENCY", latencyArgument(event.Latency))
	}
	return cmd.with("TIME", timeArgument(event.Time)).with("DATA", data), nil
}

// latencyArgument is a latency in milliseconds with three digits.
func latencyArgument(latency time.Duration) string {
	return strconv.FormatFloat(latency.Seconds()*1000, 'f', 3, 64) + "ms"
}

func timeArgument(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return strconv.FormatInt(at.UnixMilli(), 10)
}

// AuditQuery selects events of the audit log: those that match every field that is given.
type AuditQuery struct {
	// Kind is a kind, or the beginning of kinds with a star: "token.*".
	Kind, User,
	// IP is an address or a network.
	IP,
	// Endpoint is the beginning of a path.
	Endpoint string
	From, To         time.Time
	Limited, Anomaly bool
	// Count is 100 unless given.
	Count int
	// Before is the id of the last event of the page before.
	Before string
}

// AuditEvent is a recorded event. Fields that were not recorded have their zero value.
type AuditEvent struct {
	ID               string
	Time             time.Time
	Kind             string
	User             string
	IP               string
	Endpoint         string
	Method           string
	Status           int
	Limited, Anomaly bool
	Latency          time.Duration
	Data             json.RawMessage
}

// AuditLog returns the events that match, newest first (LW.AUDITLOG QUERY). A page of large events
// ends before Count, and an empty page is the end. In a cluster one node answers, from Postgres and
// from its own journal.
func (c *Client) AuditLog(ctx context.Context, query AuditQuery) ([]AuditEvent, error) {
	cmd := command{args: []any{"LW.AUDITLOG", "QUERY"}, slow: true}.
		with("KIND", query.Kind).with("USER", query.User).with("IP", query.IP).with("ENDPOINT", query.Endpoint).
		with("FROM", timeArgument(query.From)).with("TO", timeArgument(query.To)).
		flag("LIMITED", query.Limited).flag("ANOMALY", query.Anomaly)
	if query.Count != 0 {
		cmd = cmd.with("COUNT", strconv.Itoa(query.Count))
	}
	value, err := c.execute(ctx, cmd.with("BEFORE", query.Before))
	if err != nil {
		return nil, err
	}
	return list(value, readEvent)
}

func readEvent(f *fields) AuditEvent {
	event := AuditEvent{
		ID: f.text("id"), Time: f.time("timestamp_ms"), Kind: f.text("kind"), User: f.optional("user_id"),
		IP: f.optional("ip"), Endpoint: f.optional("endpoint"), Method: f.optional("method"),
		Limited: f.flag("rate_limit_hit"), Anomaly: f.flag("anomaly_detected"), Data: f.json("data"),
	}
	if f.get("status_code") != nil {
		event.Status = int(f.integer("status_code"))
	}
	if text := f.optional("latency_ms"); text != "" {
		ms, err := strconv.ParseFloat(text, 64)
		f.wrong = f.wrong || err != nil
		event.Latency = time.Duration(ms * float64(time.Millisecond))
	}
	return event
}
