"""Load from kept connections, each of which sends its next request after a response.

One thread and no library, so that the load takes less CPU time than the application.
"""

from __future__ import annotations

import re
import selectors
import socket
import time
from dataclasses import dataclass, field

REQUEST = b"GET / HTTP/1.1\r\nHost: bench\r\n\r\n"
LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")
CONNECTIONS = 50
# Seconds without any response after which the application counts as hung.
SILENCE = 10


@dataclass
class Caller:
    """A connection, and what has come of the response that it waits for."""

    socket: socket.socket
    received: bytes = b""
    asked: float = 0.0

    def ask(self) -> None:
        """Sends a request."""
        self.received, self.asked = b"", time.perf_counter()
        self.socket.sendall(REQUEST)

    def answered(self) -> bool:
        """Reads what has come. Whether it is a whole response, which must be 200."""
        chunk = self.socket.recv(1 << 16)
        if not chunk:
            raise SystemExit("the application closed a connection")
        self.received += chunk
        head, end, body = self.received.partition(b"\r\n\r\n")
        if not end:
            return False
        if not head.startswith(b"HTTP/1.1 200 "):
            raise SystemExit(f"not every request was admitted: {self.received!r}")
        length = LENGTH.search(head)
        return len(body) >= int(length[1] if length else 0)


@dataclass
class Tally:
    """What a load has measured."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    """In seconds, ascending."""


def load(port: int, seconds: float, requests: int = 0) -> Tally:
    """Sends requests for a time, and at least a number of them, and waits for all responses."""
    tally = Tally()
    with selectors.DefaultSelector() as selector:
        callers = [Caller(socket.create_connection(("127.0.0.1", port))) for _ in range(CONNECTIONS)]
        for each in callers:
            each.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            selector.register(each.socket, selectors.EVENT_READ, each)
        began = time.perf_counter()
        for each in callers:
            each.ask()
        waiting = len(callers)
        while waiting:
            ready = selector.select(SILENCE)
            if not ready:
                raise SystemExit(f"the application has not answered for {SILENCE} s")
            for key, _ in ready:
                caller: Caller = key.data
                if not caller.answered():
                    continue
                now = time.perf_counter()
                tally.latencies.append(now - caller.asked)
                if now - began < seconds or len(tally.latencies) + waiting < requests:
                    caller.ask()
                else:
                    waiting -= 1
        tally.seconds = time.perf_counter() - began
        for each in callers:
            each.socket.close()
    tally.latencies.sort()
    return tally
