package testserver

import (
	"context"
	"strings"
	"testing"
	"time"
)

var slots = [][2]int{{0, 5460}, {5461, 10922}, {10923, 16383}}

// StartCluster starts a cluster of three primaries, and waits until each knows the others. The
// nodes are in the order of their slots.
func StartCluster(t testing.TB) []*Server {
	t.Helper()
	ctx := context.Background()
	nodes := make([]*Server, len(slots))
	for i, owned := range slots {
		nodes[i] = Start(t, "--cluster-enabled", "yes", "--cluster-node-timeout", "2000")
		admin := nodes[i].Admin(t)
		must(t, admin.Do(ctx, "CLUSTER", "SET-CONFIG-EPOCH", i+1).Err())
		must(t, admin.ClusterAddSlotsRange(ctx, owned[0], owned[1]).Err())
	}
	for _, node := range nodes[1:] {
		must(t, node.Admin(t).Do(ctx, "CLUSTER", "MEET", "127.0.0.1", nodes[0].Port).Err())
	}
	for _, node := range nodes {
		admin := node.Admin(t)
		Eventually(t, "a complete cluster", 30*time.Second, func() bool {
			info := admin.ClusterInfo(ctx).Val()
			return strings.Contains(info, "cluster_state:ok") && strings.Contains(info, "cluster_known_nodes:3") &&
				strings.Contains(info, "cluster_slots_ok:16384")
		})
	}
	return nodes
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
