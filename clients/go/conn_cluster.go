package lockwatch

import (
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"
)

// cluster sends commands to the nodes that hold their keys. The client of go-redis knows the slots.
// The connections to the nodes are our own, because that client repeats commands that had no
// answer.
type cluster struct {
	name     string
	topology *redis.ClusterClient
	timeouts timeouts
	// poolSize is that of the connections to each node; 0 for the default of go-redis.
	poolSize int

	mu    sync.Mutex
	nodes map[string]*node
}

func newCluster(name string, topology *redis.ClusterClient, t timeouts) *cluster {
	return &cluster{name: name, topology: topology, timeouts: t, nodes: map[string]*node{}}
}

// share is what one node has to do of a call.
type share struct {
	node   *node
	places []int
}

func (c *cluster) send(ctx context.Context, commands []command) ([]reply, error) {
	bounded, cancel := context.WithTimeout(ctx, c.timeouts.bound())
	defer cancel()
	replies, err := c.exchange(bounded, commands)
	if err != nil {
		// The node may have been replaced. Nothing is sent again, because it may have executed the
		// commands.
		c.topology.ReloadState(context.WithoutCancel(ctx))
		if ended := endOf(ctx); ended != nil {
			return nil, noAnswer(ctx, ended, c.name)
		}
		return nil, err
	}
	return replies, nil
}

func (c *cluster) exchange(ctx context.Context, commands []command) ([]reply, error) {
	shares, err := c.group(ctx, commands)
	if err != nil {
		return nil, c.asUnavailable(ctx, err)
	}
	replies := make([]reply, len(commands))
	failures := make([]error, len(shares))
	run := func(i int) { failures[i] = c.ask(ctx, shares[i], commands, replies) }
	// The nodes work at the same time. Most calls concern one node.
	var others sync.WaitGroup
	for i := 1; i < len(shares); i++ {
		others.Go(func() { run(i) })
	}
	run(0)
	others.Wait()
	for _, failure := range failures {
		if failure != nil {
			return nil, c.asUnavailable(ctx, failure)
		}
	}
	return replies, c.follow(ctx, commands, replies)
}

func (c *cluster) ask(ctx context.Context, s share, commands []command, replies []reply) error {
	own := make([]command, len(s.places))
	for i, place := range s.places {
		own[i] = commands[place]
	}
	found, err := s.node.exchange(ctx, own)
	if err != nil {
		return err
	}
	for i, place := range s.places {
		replies[place] = found[i]
	}
	return nil
}

// group finds the node of each command. A command without a key goes where the others go, because
// a connection to that node is open.
func (c *cluster) group(ctx context.Context, commands []command) ([]share, error) {
	fallback := ""
	for i := range commands {
		if commands[i].key != "" {
			fallback = commands[i].key
			break
		}
	}
	var shares []share
	for place := range commands {
		key := commands[place].key
		if key == "" {
			key = fallback
		}
		n, err := c.nodeFor(ctx, key)
		if err != nil {
			return nil, err
		}
		shares = add(shares, n, place)
	}
	return shares, nil
}

func add(shares []share, n *node, place int) []share {
	for i := range shares {
		if shares[i].node == n {
			shares[i].places = append(shares[i].places, place)
			return shares
		}
	}
	return append(shares, share{n, []int{place}})
}

// nodeFor returns the primary that holds a key; any primary for an empty key.
func (c *cluster) nodeFor(ctx context.Context, key string) (*node, error) {
	if key == "" {
		key = strconv.Itoa(rand.Int()) //nolint:gosec // Picks a node, and no secret.
	}
	client, err := c.topology.MasterForKey(ctx, key)
	if err != nil {
		return nil, err
	}
	return c.node(client.Options(), client.Options().Addr), nil
}

func (c *cluster) node(like *redis.Options, address string) *node {
	c.mu.Lock()
	defer c.mu.Unlock()
	known := c.nodes[address]
	if known == nil {
		settings := *like
		settings.Addr, settings.PoolSize = address, c.poolSize
		known = newNode(address, &settings, c.timeouts)
		c.nodes[address] = known
	}
	return known
}

// follow sends redirected commands to the other node, once. The first node has not executed them.
func (c *cluster) follow(ctx context.Context, commands []command, replies []reply) error {
	for i := range replies {
		var failure *Error
		if !errors.As(replies[i].err, &failure) {
			continue
		}
		if failure.Code == "MOVED" || failure.Code == "CLUSTERDOWN" || notPrimaryCodes[failure.Code] {
			c.topology.ReloadState(context.WithoutCancel(ctx))
		}
		if failure.Code != "MOVED" && failure.Code != "ASK" {
			continue
		}
		redirected, err := c.redirect(ctx, failure, commands[i])
		if err != nil {
			return c.asUnavailable(ctx, err)
		}
		replies[i] = redirected
	}
	return nil
}

func (c *cluster) redirect(ctx context.Context, failure *Error, cmd command) (reply, error) {
	// "MOVED 3999 127.0.0.1:6381", behind which answeredError has written the node.
	words := strings.Fields(failure.Message)
	client, err := c.topology.MasterForKey(ctx, cmd.key)
	if err != nil || len(words) < 3 {
		return reply{err: failure}, err
	}
	other := c.node(client.Options(), words[2])
	if failure.Code == "MOVED" {
		found, err := other.exchange(ctx, []command{cmd})
		if err != nil {
			return reply{}, err
		}
		return found[0], nil
	}
	// While a slot moves, the other node answers only after ASKING.
	found, err := other.exchange(ctx, []command{{args: []any{"ASKING"}}, cmd})
	if err != nil {
		return reply{}, err
	}
	return found[1], nil
}

func (c *cluster) asUnavailable(ctx context.Context, err error) error {
	var failure *Error
	if errors.As(err, &failure) {
		return failure
	}
	var answered redis.Error
	if errors.As(err, &answered) {
		told := answeredError(answered.Error(), c.name)
		return unavailable(told.Code, told.Message, c.name)
	}
	return noAnswer(context.WithoutCancel(ctx), err, c.name)
}

func (c *cluster) close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var failures []error
	for _, n := range c.nodes {
		failures = append(failures, n.close())
	}
	return errors.Join(failures...)
}

// everywhere sends a command to every primary, and returns their replies or the first error.
func (c *cluster) everywhere(ctx context.Context, cmd command) ([]any, error) {
	bounded, cancel := context.WithTimeout(ctx, c.timeouts.bound())
	defer cancel()
	var mu sync.Mutex
	var values []any
	err := c.topology.ForEachMaster(bounded, func(ctx context.Context, client *redis.Client) error {
		value, err := one(c.node(client.Options(), client.Options().Addr).exchange(ctx, []command{cmd}))
		mu.Lock()
		defer mu.Unlock()
		values = append(values, value)
		return err
	})
	if err != nil {
		var answered *Error
		if errors.As(err, &answered) {
			return nil, answered
		}
		return nil, c.asUnavailable(ctx, err)
	}
	return values, nil
}
