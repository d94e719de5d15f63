"""A small client for Redis over RESP2, for scripts/traffic.py: one server, or a cluster."""

import socket
from collections.abc import Callable

Reply = str | int | list["Reply"] | None


class ServerError(Exception):
    """An error reply. `code` is its first word."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.code = text.partition(" ")[0]


class Connection:
    """A connection to one server, without pipelining."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.socket = socket.create_connection(address, timeout=5)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.lines = self.socket.makefile("rb")

    def call(self, *words: str | int) -> Reply:
        encoded = [str(word).encode() for word in words]
        request = b"*%d\r\n" % len(encoded) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in encoded)
        self.socket.sendall(request)
        return self.read()

    def read(self) -> Reply:
        line = self.lines.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("the server closed the connection")
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            raise ServerError(rest.decode(errors="replace"))
        if kind == b"+":
            return rest.decode(errors="replace")
        number = int(rest)
        if kind == b":":
            return number
        if number < 0:
            return None
        if kind == b"*":
            return [self.read() for _ in range(number)]
        return self.lines.read(number + 2)[:-2].decode(errors="replace")

    def close(self) -> None:
        self.socket.close()


class Client:
    """Follows the redirections of a cluster. Calls `prepare` with each new connection."""

    def __init__(self, address: tuple[str, int], prepare: Callable[[Connection], None]) -> None:
        self.first = address
        self.prepare = prepare
        self.connections: dict[tuple[str, int], Connection] = {}
        # The node of each key that was redirected.
        self.owners: dict[str, tuple[str, int]] = {}

    def call(self, command: str, *words: str | int) -> Reply:
        key = str(words[0]) if words else ""
        for _ in range(5):
            address = self.owners.get(key, self.first)
            try:
                return self.connection(address).call(command, *words)
            except ServerError as error:
                if error.code != "MOVED":
                    raise
                host, _, port = str(error).split()[2].rpartition(":")
                self.owners[key] = (host or address[0], int(port))
        raise ConnectionError("redirected again and again")

    def connection(self, address: tuple[str, int]) -> Connection:
        if address not in self.connections:
            connection = Connection(address)
            self.prepare(connection)
            self.connections[address] = connection
        return self.connections[address]

    def forget_connections(self) -> None:
        """For the next call, connects anew and asks the first server again where the keys are."""
        for connection in self.connections.values():
            connection.close()
        self.connections.clear()
        self.owners.clear()
