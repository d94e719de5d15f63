"""Load from keep-alive connections, each of which sends its next request after a response."""

import asyncio
import time
from dataclasses import dataclass, field

REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\nUser-Agent: load\r\n\r\n"


@dataclass
class Tally:
    """The requests that are left, and the results of the others."""

    left: int
    latencies: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)


async def one_connection(port: int, tally: Tally) -> None:
    """Sends requests until none is left."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while tally.left > 0:
        tally.left -= 1
        began = time.perf_counter()
        writer.write(REQUEST)
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        await reader.readexactly(length)
        tally.latencies.append(time.perf_counter() - began)
        status = int(head[9:12])
        tally.statuses[status] = tally.statuses.get(status, 0) + 1
    writer.close()


async def load(port: int, requests: int, connections: int) -> tuple[float, list[float]]:
    """Requests per second, and latencies in seconds, ascending. Every answer must be 200."""
    tally = Tally(requests)
    began = time.perf_counter()
    await asyncio.gather(*(one_connection(port, tally) for _ in range(connections)))
    took = time.perf_counter() - began
    if tally.statuses != {200: requests}:
        raise SystemExit(f"not every request was admitted: {tally.statuses}")
    return requests / took, sorted(tally.latencies)
