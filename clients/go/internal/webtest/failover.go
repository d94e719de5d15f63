package webtest

import (
	"net/http/httptest"
	"testing"

	"github.com/redis/go-redis/v9"

	"lockwatch"
	"lockwatch/internal/testserver"
)

// failedOver: Sentinel promotes the replica under load.
func failedOver(t *testing.T, app App) {
	t.Helper()
	sentinel := testserver.StartSentinel(t)
	options := &redis.UniversalOptions{Addrs: []string{sentinel.Address()}, MasterName: testserver.MasterName}
	client, err := lockwatch.OpenUniversal(options, lockwatch.Options{Service: "shop"})
	if err != nil {
		t.Fatal(err)
	}
	s := &site{httptest.NewServer(app(client, lockwatch.MiddlewareOptions{Limits: "1000000/hour"})), client}
	t.Cleanup(func() {
		s.Close()
		_ = client.Close()
	})
	l := startLoad(t, s)
	l.mustRecover(t)
	sentinel.FailOver(t)
	l.mustRecover(t)
}
