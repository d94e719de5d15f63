package lockwatch

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

const (
	// Time between two renewals of a pool whose server is not the primary. A server that stays
	// read-only would otherwise get new connections for every command.
	renewAfter = time.Second
	// Time between two renewals of a pool that can't connect. go-redis tries only once per second
	// after several failures, and a new pool tries at once.
	reconnectAfter = 250 * time.Millisecond
)

// timeouts bound a round trip: connecting, and waiting for all replies.
type timeouts struct {
	connect, command time.Duration
	// lasting has a single connection that is never closed for its age, for what ends with it.
	lasting bool
	// together writes the commands of concurrent calls together.
	together bool
}

func (t timeouts) bound() time.Duration { return t.connect + t.command }

// node is a pool of connections to one server, or to the primary that Sentinel names. Behind a
// proxy or a Kubernetes service the address stays the same after a failover, so the pool is
// replaced when the server says that it is not the primary.
type node struct {
	// name is the server in messages: its host and port, and nothing that could hold a password.
	name     string
	settings redis.Options
	bound    time.Duration

	// batches is nil if each call is written by itself.
	batches *batches

	client  atomic.Pointer[redis.Client]
	mu      sync.Mutex
	renewed map[time.Duration]time.Time
	retired map[*redis.Client]*time.Timer
	closed  bool
}

// newNode makes a pool with the settings of another one. The pool of the caller itself will not do:
// it may retry for seconds and wait as long as the caller allows, and the application may be using
// all of its connections when a request needs its limit.
func newNode(name string, like *redis.Options, t timeouts) *node {
	settings := *like
	// RESP2 has no push messages among the replies.
	settings.Protocol = 2
	settings.DialTimeout = t.connect
	settings.PoolTimeout = t.connect
	settings.ReadTimeout = t.command
	settings.WriteTimeout = t.command
	settings.ContextTimeoutEnabled = true
	// -1 means none in go-redis, where 0 is the default of three.
	settings.MaxRetries = -1
	settings.DialerRetries = 1
	settings.DisableIdentity = true
	settings.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	settings.Limiter = nil
	settings.MinIdleConns = 0
	if t.lasting {
		settings.PoolSize, settings.MaxActiveConns = 1, 1
		settings.ConnMaxIdleTime, settings.ConnMaxLifetime = -1, 0
	}
	n := &node{
		name: name, settings: settings, bound: t.bound(),
		renewed: map[time.Duration]time.Time{}, retired: map[*redis.Client]*time.Timer{},
	}
	n.client.Store(n.open())
	if t.together {
		n.batches = &batches{exchange: n.exchangeAlone}
	}
	return n
}

func (n *node) open() *redis.Client {
	settings := n.settings
	return redis.NewClient(&settings)
}

// exchange sends commands in one write, and reads a reply for each. An error means that not all
// answers came.
func (n *node) exchange(ctx context.Context, commands []command) ([]reply, error) {
	if n.batches == nil || !areTexts(commands) {
		return n.exchangeAlone(ctx, commands)
	}
	replies, err := n.batches.send(ctx, commands)
	if err != nil && ctx.Err() != nil {
		return nil, noAnswer(ctx, err, n.name)
	}
	return replies, err
}

func (n *node) exchangeAlone(ctx context.Context, commands []command) ([]reply, error) {
	bounded, cancel := context.WithTimeout(ctx, n.bound)
	defer cancel()
	cmds := make([]*redis.Cmd, len(commands))
	client := n.client.Load()
	if len(commands) == 1 {
		cmds[0] = redis.NewCmd(bounded, commands[0].args...)
		_ = client.Process(bounded, cmds[0])
	} else {
		pipe := client.Pipeline()
		for i := range commands {
			cmds[i] = redis.NewCmd(bounded, commands[i].args...)
			_ = pipe.Process(bounded, cmds[i])
		}
		if _, err := pipe.Exec(bounded); err != nil && !slices.ContainsFunc(cmds, hasFailed) {
			// Without a connection, go-redis sets no error on the commands.
			for _, cmd := range cmds {
				cmd.SetErr(err)
			}
		}
	}
	return n.replies(ctx, cmds)
}

func hasFailed(cmd *redis.Cmd) bool { return cmd.Err() != nil }

func (n *node) replies(ctx context.Context, cmds []*redis.Cmd) ([]reply, error) {
	replies := make([]reply, len(cmds))
	for i, cmd := range cmds {
		value, err := cmd.Result()
		var answered redis.Error
		switch {
		case err == nil:
			replies[i] = reply{value: value}
		case errors.Is(err, redis.Nil):
			replies[i] = reply{}
		case errors.As(err, &answered):
			told := answeredError(answered.Error(), n.name)
			if notPrimaryCodes[told.Code] {
				n.renew(renewAfter)
			}
			replies[i] = reply{err: told}
		default:
			failure := noAnswer(ctx, err, n.name)
			if failure.Code == "CONNECTION" {
				n.renew(reconnectAfter)
			}
			return nil, failure
		}
	}
	return replies, nil
}

// renew replaces the pool, at most once per interval.
func (n *node) renew(interval time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	now := time.Now()
	if n.closed || now.Sub(n.renewed[interval]) < interval {
		return
	}
	n.renewed[interval] = now
	old := n.client.Swap(n.open())
	// Commands of others may still be on their way in the old pool.
	n.retired[old] = time.AfterFunc(2*n.bound, func() { n.retire(old) })
}

func (n *node) retire(old *redis.Client) {
	n.mu.Lock()
	delete(n.retired, old)
	n.mu.Unlock()
	_ = old.Close()
}

func (n *node) close() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.closed = true
	for old, timer := range n.retired {
		timer.Stop()
		_ = old.Close()
	}
	clear(n.retired)
	return n.client.Load().Close()
}
