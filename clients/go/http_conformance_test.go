package lockwatch_test

import (
	"net/http"
	"testing"

	"lockwatch"
	"lockwatch/internal/conformance"
)

func TestTheMiddlewareDoesWhatTheConformanceFileSays(t *testing.T) {
	conformance.Run(t, func(client *lockwatch.Client, options lockwatch.MiddlewareOptions, app http.Handler) http.Handler {
		return lockwatch.Must(lockwatch.Middleware(client, options))(app)
	})
}

func TestInvalidOptionsAreRefusedAtOnce(t *testing.T) { conformance.RefusesAtStart(t) }
