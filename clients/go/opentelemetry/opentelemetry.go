// Package lockwatchopentelemetry has the counters of a lockwatch client as instruments of
// OpenTelemetry, and describes decisions on the spans of requests.
//
//	lw, err := lockwatch.Open(url, lockwatch.Options{OnEvent: lockwatchopentelemetry.SetSpanAttributes})
//	…
//	_, err = lockwatchopentelemetry.Instrument(lw, nil)
package lockwatchopentelemetry

import (
	"context"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"lockwatch"
)

const (
	policyKey  = attribute.Key("lockwatch.policy")
	outcomeKey = attribute.Key("lockwatch.outcome")
)

// Instrument makes the observable instruments lockwatch.client.requests (with the attributes
// lockwatch.policy and lockwatch.outcome), lockwatch.client.limits_off and
// lockwatch.client.audit_dropped. provider is the global one if it is nil. Unregister the result
// before the client is closed.
func Instrument(client *lockwatch.Client, provider metric.MeterProvider) (metric.Registration, error) {
	if provider == nil {
		provider = otel.GetMeterProvider()
	}
	meter := provider.Meter("lockwatch", metric.WithInstrumentationVersion(lockwatch.Version))
	requests, err := meter.Int64ObservableCounter("lockwatch.client.requests", metric.WithUnit("{request}"),
		metric.WithDescription("Requests by the policy and by what became of its limit."))
	if err != nil {
		return nil, err
	}
	off, err := meter.Int64ObservableGauge("lockwatch.client.limits_off",
		metric.WithDescription("1 while requests are let through without a limit, because Redis is away."))
	if err != nil {
		return nil, err
	}
	dropped, err := meter.Int64ObservableCounter("lockwatch.client.audit_dropped", metric.WithUnit("{event}"),
		metric.WithDescription("Audit events that were lost."))
	if err != nil {
		return nil, err
	}
	return meter.RegisterCallback(func(_ context.Context, observer metric.Observer) error {
		stats := client.Stats()
		for policy, outcomes := range stats.Requests {
			for outcome, count := range outcomes {
				observer.ObserveInt64(requests, count,
					metric.WithAttributes(policyKey.String(policy), outcomeKey.String(string(outcome))))
			}
		}
		limitsOff := int64(0)
		if stats.LimitsOff {
			limitsOff = 1
		}
		observer.ObserveInt64(off, limitsOff)
		observer.ObserveInt64(dropped, stats.AuditDropped)
		return nil
	}, requests, off, dropped)
}

// SetSpanAttributes sets lockwatch.policy and lockwatch.outcome on the current span of a request.
// It is for Options.OnEvent; an OnEvent of your own may call it.
func SetSpanAttributes(ctx context.Context, event lockwatch.Event) {
	if event.Policy == "" {
		return
	}
	trace.SpanFromContext(ctx).SetAttributes(policyKey.String(event.Policy), outcomeKey.String(string(event.Outcome)))
}
