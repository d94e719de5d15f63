package testserver

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// MasterName is the service that Sentinel watches.
const MasterName = "main"

// Sentinel watches a primary and its replica.
type Sentinel struct {
	*Server
	Primary, Replica *Server
}

// StartSentinel starts a primary, a replica, and a sentinel that has found both.
func StartSentinel(t testing.TB) *Sentinel {
	t.Helper()
	ctx := context.Background()
	primary := Start(t)
	replica := Start(t, "--replicaof", "127.0.0.1", fmt.Sprint(primary.Port))
	Eventually(t, "a replica that has its copy", startTime, func() bool {
		return strings.Contains(replica.Admin(t).Info(ctx, "replication").Val(), "master_link_status:up")
	})
	watcher := &Server{Port: freePort(t), dir: t.TempDir()}
	t.Cleanup(watcher.Kill)
	config := filepath.Join(watcher.dir, "sentinel.conf")
	must(t, os.WriteFile(config, fmt.Appendf(nil, "port %d\nbind 127.0.0.1\nlogfile redis.log\ndir %s\n"+
		"sentinel monitor %s 127.0.0.1 %d 1\nsentinel down-after-milliseconds %s 500\n"+
		"sentinel failover-timeout %s 5000\n",
		watcher.Port, watcher.dir, MasterName, primary.Port, MasterName, MasterName), 0o600))
	watcher.launch(t, []string{config, "--sentinel"})
	admin := watcher.Admin(t)
	Eventually(t, "a sentinel that knows the replica", startTime, func() bool {
		found, err := admin.Do(ctx, "SENTINEL", "REPLICAS", MasterName).Slice()
		return err == nil && len(found) == 1
	})
	return &Sentinel{watcher, primary, replica}
}

// FailOver makes the replica the primary, and waits until the old primary follows it.
func (s *Sentinel) FailOver(t testing.TB) {
	t.Helper()
	ctx := context.Background()
	admin := s.Admin(t)
	// Sentinel refuses until it has seen the replica in a good state.
	Eventually(t, "a failover that Sentinel accepts", startTime, func() bool {
		return admin.Do(ctx, "SENTINEL", "FAILOVER", MasterName).Err() == nil
	})
	replica := s.Replica.Admin(t)
	Eventually(t, "a promoted replica", startTime, func() bool {
		return strings.Contains(replica.Info(ctx, "replication").Val(), "role:master")
	})
	primary := s.Primary.Admin(t)
	Eventually(t, "a demoted primary", startTime, func() bool {
		return strings.Contains(primary.Info(ctx, "replication").Val(), "role:slave")
	})
}
