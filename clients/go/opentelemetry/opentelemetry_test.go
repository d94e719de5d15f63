package lockwatchopentelemetry_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	sdk "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"lockwatch"
	"lockwatch/internal/testserver"
	lockwatchopentelemetry "lockwatch/opentelemetry"
)

func TestCountersAreObservedAndSpansDescribed(t *testing.T) {
	lw, err := lockwatch.Open(testserver.Start(t).URL(), lockwatch.Options{OnEvent: lockwatchopentelemetry.SetSpanAttributes})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = lw.Close() }()
	reader := sdk.NewManualReader()
	registration, err := lockwatchopentelemetry.Instrument(lw, sdk.NewMeterProvider(sdk.WithReader(reader)))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = registration.Unregister() }()
	spans := tracetest.NewSpanRecorder()
	tracer := trace.NewTracerProvider(trace.WithSpanProcessor(spans)).Tracer("test")
	middleware := lockwatch.Must(lockwatch.Middleware(lw, lockwatch.MiddlewareOptions{Limits: "1/hour"}))
	app := middleware(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	for range 3 {
		ctx, span := tracer.Start(t.Context(), "request")
		app.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil).WithContext(ctx))
		span.End()
	}
	checkSpans(t, spans.Ended())
	found := collect(t, reader)
	for name, want := range map[string]int64{
		"lockwatch.client.requests default allowed": 1, "lockwatch.client.requests default denied": 2,
		"lockwatch.client.limits_off  ": 0, "lockwatch.client.audit_dropped  ": 0,
	} {
		if value, known := found[name]; !known || value != want {
			t.Errorf("%s is %d (%v), not %d", name, value, known, want)
		}
	}
}

func checkSpans(t *testing.T, ended []trace.ReadOnlySpan) {
	t.Helper()
	for at, outcome := range []string{"allowed", "denied", "denied"} {
		set := attribute.NewSet(ended[at].Attributes()...)
		policy, _ := set.Value("lockwatch.policy")
		found, _ := set.Value("lockwatch.outcome")
		if policy.AsString() != "default" || found.AsString() != outcome {
			t.Errorf("span %d has %v", at, ended[at].Attributes())
		}
	}
}

// collect returns the values of the instruments, by name, policy and outcome.
func collect(t *testing.T, reader *sdk.ManualReader) map[string]int64 {
	t.Helper()
	var all metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	found := map[string]int64{}
	for _, scope := range all.ScopeMetrics {
		for _, each := range scope.Metrics {
			var points []metricdata.DataPoint[int64]
			switch data := each.Data.(type) {
			case metricdata.Sum[int64]:
				points = data.DataPoints
			case metricdata.Gauge[int64]:
				points = data.DataPoints
			}
			for _, point := range points {
				policy, _ := point.Attributes.Value("lockwatch.policy")
				outcome, _ := point.Attributes.Value("lockwatch.outcome")
				found[each.Name+" "+policy.AsString()+" "+outcome.AsString()] = point.Value
			}
		}
	}
	return found
}
