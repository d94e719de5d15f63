"""Connections to Redis. A round trip is one write, and no command is sent twice.

- `connection.py` defines `Command` and the `Connection` that the rest of the package needs.
- `open.py` makes connections from what the caller has: a URL, or a client of redis-py.
- `single.py` talks to one server, `cluster.py` and `aio_cluster.py` to the nodes of a cluster.
  `pools.py` makes connection pools, `batch.py` writes the commands of concurrent tasks together.
- `link.py` puts the circuit breaker of `breaker.py` in front of a connection.
"""
