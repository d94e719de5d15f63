"""The way to Redis: calls go out together in one write, each once, and their replies come back in order.

A link neither retries nor knows what the calls mean. `pools` makes its connections as the caller's client would, `sync`
and `aio` carry calls over them, `cluster` and `aio_cluster` find the node. Anything with the same `send` will do in its
place; `lockwatch.testing.Stub` has it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, runtime_checkable

from ..errors import LockWatchError

Arg: TypeAlias = str | bytes


@dataclass(frozen=True, slots=True)
class Call:
    """A command's words, and the key that says which node of a cluster it belongs to."""

    args: tuple[Arg, ...]
    key: Arg | None = None


# A value as RESP has it, or the error in its place.
Reply: TypeAlias = Any | LockWatchError


@runtime_checkable
class Link(Protocol):
    """What a synchronous client needs of the way to Redis."""

    def send(self, calls: Sequence[Call]) -> list[Reply]:
        """Sends calls in one round trip. Raises RedisAway if there is no answer to all of them."""
        ...

    def close(self) -> None:
        """Ends the connections."""
        ...


@runtime_checkable
class AsyncLink(Protocol):
    """What an asynchronous client needs of the way to Redis."""

    async def send(self, calls: Sequence[Call]) -> list[Reply]:
        """Sends calls in one round trip. Raises RedisAway if there is no answer to all of them."""
        ...

    async def aclose(self) -> None:
        """Ends the connections."""
        ...


def packed(calls: Sequence[Call]) -> bytes:
    """Calls as RESP has them, for a single write."""
    out: list[str] = []
    for call in calls:
        out.append(f"*{len(call.args)}\r\n")
        for arg in call.args:
            # Put together as a text with a character a byte: that is the fastest, and nearly all words are ASCII.
            word = arg if isinstance(arg, str) and arg.isascii() else _bytes_of(arg).decode("latin-1")
            out.append(f"${len(word)}\r\n{word}\r\n")
    return "".join(out).encode("latin-1")


def _bytes_of(arg: Arg) -> bytes:
    # A path may hold halves of surrogate pairs; the module takes any bytes.
    return arg.encode("utf-8", "surrogatepass") if isinstance(arg, str) else arg
