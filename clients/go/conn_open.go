package lockwatch

import (
	"errors"
	"net"
	"slices"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// source is where Redis is: what makes connections with timeouts of their own.
type source struct {
	// server is its name in messages.
	server  string
	connect func(timeouts) connection
	close   func() error
}

func singleSource(name string, like *redis.Options) source {
	return source{
		server:  name,
		connect: func(t timeouts) connection { return &single{newNode(name, like, t)} },
		close:   func() error { return nil },
	}
}

// sentinelSource asks the sentinels with the connect timeout. The pools that send commands connect
// through this client, which finds the primary for each new connection.
func sentinelSource(options *redis.FailoverOptions, t timeouts) source {
	bounded := *options
	bounded.DialTimeout, bounded.ReadTimeout, bounded.WriteTimeout = t.connect, t.connect, t.connect
	bounded.PoolTimeout = t.connect
	bounded.MaxRetries, bounded.DialerRetries = -1, 1
	bounded.ContextTimeoutEnabled = true
	finder := redis.NewFailoverClient(&bounded)
	made := singleSource(bounded.MasterName+" (Sentinel)", finder.Options())
	made.close = finder.Close
	return made
}

// clusterSource reads the slots with a client of its own, which has no timeouts of the application.
func clusterSource(options *redis.ClusterOptions, t timeouts) source {
	bounded := *options
	bounded.DialTimeout, bounded.ReadTimeout, bounded.WriteTimeout = t.connect, t.command, t.command
	bounded.PoolTimeout = t.connect
	bounded.MaxRetries, bounded.MaxRedirects, bounded.DialerRetries = -1, -1, 1
	bounded.ContextTimeoutEnabled = true
	bounded.Protocol = 2
	bounded.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	bounded.ReadOnly, bounded.RouteByLatency, bounded.RouteRandomly = false, false, false
	bounded.MinIdleConns, bounded.PoolSize = 0, 2
	name := clusterName(bounded.Addrs)
	topology := redis.NewClusterClient(&bounded)
	// The pools of the nodes have the size that the application asked for.
	size := options.PoolSize
	return source{
		server: name,
		connect: func(t timeouts) connection {
			made := newCluster(name, topology, t)
			made.poolSize = size
			return made
		},
		close: topology.Close,
	}
}

func clusterName(addresses []string) string {
	if len(addresses) == 0 {
		return "an unknown node (cluster)"
	}
	return slices.Min(addresses) + " (cluster)"
}

// serverName is the server of a pool: its address, or the path of its socket.
func serverName(options *redis.Options) string {
	if options.Addr == "FailoverClient" {
		return "the primary (Sentinel)"
	}
	if host, port, err := net.SplitHostPort(options.Addr); err == nil {
		return net.JoinHostPort(host, port)
	}
	return options.Addr
}

const urlHelp = "the URL of Redis can't be used: write redis://user:password@host:port/database, rediss://… or " +
	"unix://…, with what is special in a password percent-encoded"

func sourceOfURL(url string, isCluster bool, t timeouts) (source, error) {
	// The error of go-redis is left out, because it may contain a part of the password.
	if isCluster {
		options, err := redis.ParseClusterURL(url)
		if err != nil {
			return source{}, configurationError(urlHelp)
		}
		return clusterSource(options, t), nil
	}
	options, err := redis.ParseURL(url)
	if err != nil {
		return source{}, configurationError(urlHelp)
	}
	return singleSource(serverName(options), options), nil
}

func sourceOfOptions(options *redis.UniversalOptions, t timeouts) (source, error) {
	switch {
	case options == nil:
		return source{}, configurationError("the options of Redis are nil: write &redis.UniversalOptions{Addrs: …}")
	case options.MasterName != "" && (options.RouteByLatency || options.RouteRandomly || options.IsClusterMode):
		return source{}, configurationError("limits are decided by the primary that Sentinel names: leave out " +
			"RouteByLatency, RouteRandomly and IsClusterMode")
	case options.MasterName != "":
		return sentinelSource(options.Failover(), t), nil
	case len(options.Addrs) > 1 || options.IsClusterMode:
		return clusterSource(options.Cluster(), t), nil
	default:
		simple := options.Simple()
		if simple.Addr == "" {
			simple.Addr = "localhost:6379"
		}
		return singleSource(serverName(simple), simple), nil
	}
}

func sourceOfClient(client redis.UniversalClient, t timeouts) (source, error) {
	switch given := client.(type) {
	case *redis.Client:
		if given != nil {
			return singleSource(serverName(given.Options()), given.Options()), nil
		}
	case *redis.ClusterClient:
		if given != nil {
			return clusterSource(given.Options(), t), nil
		}
	case *redis.Ring:
		return source{}, configurationError("a *redis.Ring spreads keys over servers by itself: give one *redis.Client, " +
			"or a *redis.ClusterClient")
	}
	return source{}, configurationError("the client of go-redis is a %T: expected a *redis.Client or a "+
		"*redis.ClusterClient that is not nil", client)
}

func closeAll(closers ...func() error) error {
	failures := make([]error, len(closers))
	for i, each := range closers {
		failures[i] = each()
	}
	return errors.Join(failures...)
}
