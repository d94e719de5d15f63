package lockwatch

import (
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"lockwatch/internal/breaker"
)

// Client has the commands of lockwatch. It is safe for any number of goroutines.
//
// It connects with the first command, so that Redis may be away when the application starts. No
// call waits longer than the two timeouts together, and no command is sent twice. After several
// timeouts in a row nothing is sent for a pause.
type Client struct {
	options Options
	source  source
	// server is its name in messages, without a password.
	server string
	link   *link
	// Redis reads nothing more from a connection while a slow command runs, so these have
	// connections of their own.
	slow *link
	// after sends what is sent after a response. Its timeouts do not count for the breaker.
	after       connection
	failures    *failureLog
	corrections *sendQueue
	outcomes    *sendQueue
	counters    *counters
	// local counts in this process while Redis is away.
	local localCounters

	mu sync.Mutex
	// The queues of the middlewares.
	queues []*sendQueue
}

// Open makes a client from a URL: redis://, rediss:// or unix://.
func Open(url string, options Options) (*Client, error) {
	return open(options, func(o Options) (source, error) { return sourceOfURL(url, o.Cluster, o.timeouts()) })
}

// OpenUniversal makes a client from options of go-redis: with MasterName by Sentinel, with several
// addresses or IsClusterMode for a cluster, otherwise for one server. Their timeouts and retries
// are replaced by those of lockwatch.
func OpenUniversal(redisOptions *redis.UniversalOptions, options Options) (*Client, error) {
	return open(options, func(o Options) (source, error) { return sourceOfOptions(redisOptions, o.timeouts()) })
}

// New makes a client from one of go-redis, a *redis.Client or a *redis.ClusterClient. That gives
// its settings, not its connections, and stays open when this client is closed. A client that finds
// its server by Sentinel must stay open as long as this one.
func New(client redis.UniversalClient, options Options) (*Client, error) {
	return open(options, func(o Options) (source, error) { return sourceOfClient(client, o.timeouts()) })
}

func open(options Options, find func(Options) (source, error)) (*Client, error) {
	options, err := options.withDefaults()
	if err != nil {
		return nil, err
	}
	found, err := find(options)
	if err != nil {
		return nil, err
	}
	main, slow, after := options.timeouts(), options.timeouts(), options.timeouts()
	main.together = true
	slow.command = max(slow.command, slowTimeout)
	after.command = max(after.command, afterTimeout)
	shared := breaker.New(options.BreakerTimeouts, options.BreakerPause, time.Now)
	c := &Client{
		options:  options,
		source:   found,
		server:   found.server,
		link:     &link{found.connect(main), shared, found.server, false},
		slow:     &link{found.connect(slow), shared, found.server, true},
		after:    found.connect(after),
		failures: newFailureLog(found.server, options.Logger),
		counters: newCounters(),
	}
	c.corrections = newSendQueue(c.after, correctionQueueSize, 0, &correctionLosses{c.failures})
	c.outcomes = newSendQueue(c.after, outcomeQueueSize, 0, &outcomeLosses{c.failures})
	return c, nil
}

// Close sends what waits in the queues, for two seconds at most, and closes the connections. Close
// the HTTP server first.
func (c *Client) Close() error {
	c.mu.Lock()
	queues := append([]*sendQueue{c.corrections, c.outcomes}, c.queues...)
	c.mu.Unlock()
	until := time.Now().Add(flushTime)
	for _, queue := range queues {
		queue.close(time.Until(until))
	}
	return closeAll(c.link.close, c.after.close, c.slow.close, c.source.close)
}
