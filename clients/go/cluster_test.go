package lockwatch

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"lockwatch/internal/testserver"
)

// clusterClients are a client from a URL, and one from a client of go-redis.
func clusterClients(t *testing.T, nodes []*testserver.Server) map[string]*Client {
	t.Helper()
	options := Options{Cluster: true, ConnectTimeout: 5 * time.Second, CommandTimeout: 5 * time.Second}
	theirs := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{nodes[1].Address()}})
	made := map[string]*Client{
		"a URL":    ok[*Client](t)(Open(nodes[0].URL(), options)),
		"a client": ok[*Client](t)(New(theirs, options)),
	}
	t.Cleanup(func() {
		for _, each := range made {
			_ = each.Close()
		}
		_ = theirs.Close()
	})
	return made
}

func TestInAClusterCommandsFindTheirNodes(t *testing.T) {
	nodes := testserver.StartCluster(t)
	ctx := t.Context()
	for name, lw := range clusterClients(t, nodes) {
		for number := range 30 {
			key := fmt.Sprintf("%s:%d", name, number)
			if found := ok[*RateLimitResult](t)(lw.RateLimit(ctx, key, MustParseLimits("10/minute"))); found.Remaining != 9 {
				t.Fatalf("%s: %+v", key, found)
			}
		}
		ok[string](t)(lw.Audit(ctx, AuditRecord{User: "alice"}))
		ok[[]AuditEvent](t)(lw.AuditLog(ctx, AuditQuery{}))
		var commands []command
		for limit := range 40 {
			limits := MustParseLimits(fmt.Sprintf("%d/minute", limit+1))
			commands = append(commands, rateLimitCommand("LW.PEEK", fmt.Sprintf("k%d", limit), limits, RateLimitArgs{}))
		}
		for at, found := range ok[[]reply](t)(lw.pipeline(ctx, commands)) {
			if result := ok[*RateLimitResult](t)(readRateLimit(found.value, Limits{}, false)); result.Limit != int64(at+1) {
				t.Fatalf("reply %d is that of another command: %+v", at, result)
			}
		}
	}
	for _, node := range nodes {
		if node.Admin(t).DBSize(ctx).Val() == 0 {
			t.Fatal("a node has no keys")
		}
	}
}

func TestAPolicyIsSetOnEveryPrimary(t *testing.T) {
	nodes := testserver.StartCluster(t)
	lw := clusterClients(t, nodes)["a URL"]
	if err := lw.PolicySet(t.Context(), "api", MustParseLimits("5/minute"), PolicySetArgs{}); err != nil {
		t.Fatal(err)
	}
	for number := range 20 {
		ok[*RateLimitResult](t)(lw.RateLimit(t.Context(), fmt.Sprintf("a:%d", number), MustParseLimits("@api")))
	}
	if !ok[bool](t)(lw.PolicyDel(t.Context(), "api", "")) {
		t.Fatal("there was no policy")
	}
}

func TestASlotThatHasMovedIsFollowed(t *testing.T) {
	nodes := testserver.StartCluster(t)
	lw, ctx := clusterClients(t, nodes)["a client"], t.Context()
	ok[*RateLimitResult](t)(lw.RateLimit(ctx, "a", MustParseLimits("10/minute")))
	key, slot := keyOn(t, nodes, 0)
	for _, node := range nodes {
		if err := node.Admin(t).Do(ctx, "CLUSTER", "SETSLOT", slot, "NODE", idOf(t, nodes[1])).Err(); err != nil {
			t.Fatal(err)
		}
	}
	if found := ok[*RateLimitResult](t)(lw.RateLimit(ctx, key, MustParseLimits("10/minute"))); found.Remaining != 9 {
		t.Fatalf("after MOVED: %+v", found)
	}
	if nodes[1].Admin(t).Exists(ctx, key).Val() != 1 {
		t.Fatal("the key is not on the new node")
	}
}

func TestASlotThatIsBeingMovedIsFollowed(t *testing.T) {
	nodes := testserver.StartCluster(t)
	lw, ctx := clusterClients(t, nodes)["a URL"], t.Context()
	key, slot := keyOn(t, nodes, 0)
	for _, words := range []struct {
		node   int
		state  string
		source int
	}{{1, "IMPORTING", 0}, {0, "MIGRATING", 1}} {
		id := idOf(t, nodes[words.source])
		if err := nodes[words.node].Admin(t).Do(ctx, "CLUSTER", "SETSLOT", slot, words.state, id).Err(); err != nil {
			t.Fatal(err)
		}
	}
	for remaining := int64(9); remaining > 6; remaining-- {
		found := ok[*RateLimitResult](t)(lw.RateLimit(ctx, key, MustParseLimits("10/minute")))
		if found.Remaining != remaining {
			t.Fatalf("after ASK: %+v", found)
		}
	}
}

// keyOn is a key that a node holds, and its slot.
func keyOn(t *testing.T, nodes []*testserver.Server, node int) (string, int64) {
	t.Helper()
	admin := nodes[node].Admin(t)
	for number := range 100 {
		key := fmt.Sprintf("moved:%d", number)
		slot := admin.ClusterKeySlot(t.Context(), key).Val()
		if slot*3/16384 == int64(node) && admin.Exists(t.Context(), key).Err() == nil {
			return key, slot
		}
	}
	t.Fatal("no key is on this node")
	return "", 0
}

func idOf(t *testing.T, node *testserver.Server) string {
	t.Helper()
	return strings.TrimSpace(ok[string](t)(node.Admin(t).Do(t.Context(), "CLUSTER", "MYID").Text()))
}

func TestANodeThatHangsDelaysItsOwnKeysOnly(t *testing.T) {
	nodes := testserver.StartCluster(t)
	lw := ok[*Client](t)(Open(nodes[0].URL(), Options{Cluster: true}))
	defer func() { _ = lw.Close() }()
	ctx, limits := t.Context(), MustParseLimits("1000/hour")
	away, _ := keyOn(t, nodes, 2)
	here, _ := keyOn(t, nodes, 1)
	for _, key := range []string{away, here} {
		ok[*RateLimitResult](t)(lw.RateLimit(ctx, key, limits))
	}
	nodes[2].Hang(t)
	for range 5 {
		began := time.Now()
		_, err := lw.RateLimit(ctx, away, limits)
		wantError(t, err, ErrUnavailable, "TIMEOUT")
		if took := time.Since(began); took > longestCall {
			t.Fatalf("the call took %v", took)
		}
		ok[*RateLimitResult](t)(lw.RateLimit(ctx, here, limits))
	}
	nodes[2].Continue(t)
	testserver.Eventually(t, "an answer of the node", backWithin, func() bool {
		_, err := lw.RateLimit(ctx, away, limits)
		return err == nil
	})
}

func TestAClusterThatIsAwayIsUnavailable(t *testing.T) {
	nodes := testserver.StartCluster(t)
	lw := ok[*Client](t)(Open(nodes[0].URL(), Options{Cluster: true}))
	defer func() { _ = lw.Close() }()
	for _, node := range nodes {
		node.Hang(t)
	}
	for range 2 {
		began := time.Now()
		_, err := lw.RateLimit(t.Context(), "a", MustParseLimits("10/minute"))
		wantError(t, err, ErrUnavailable, "TIMEOUT")
		if took := time.Since(began); took > longestCall {
			t.Fatalf("the call took %v", took)
		}
	}
}
