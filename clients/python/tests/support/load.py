"""Many requests over many connections, without a client library."""

from __future__ import annotations

import asyncio
from collections import Counter


async def _connection(port: int, request: bytes, left: list[int], statuses: Counter[int]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while left[0] > 0:
        left[0] -= 1
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
        await reader.readexactly(length)
        statuses[int(head.split(b" ", 2)[1])] += 1
    writer.close()


async def _all(port: int, requests: int, connections: int) -> Counter[int]:
    request = b"GET /items HTTP/1.1\r\nHost: localhost\r\n\r\n"
    left, statuses = [requests], Counter[int]()
    await asyncio.gather(*(_connection(port, request, left, statuses) for _ in range(connections)))
    return statuses


def statuses_of(port: int, requests: int, connections: int) -> Counter[int]:
    """How often each status came back."""
    return asyncio.run(_all(port, requests, connections))
