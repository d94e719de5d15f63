"""What the rest of the client needs from Redis: commands, and something that sends them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeAlias, TypeVar, runtime_checkable

from ..errors import ConfigurationError, LockWatchError, ModuleMissingError

T = TypeVar("T")
Arg: TypeAlias = str | bytes
Key: TypeAlias = str | bytes
# A value of RESP, or the error in its place.
Reply: TypeAlias = Any | LockWatchError


@dataclass(slots=True)
class Command(Generic[T]):
    """A command, and how to read its reply."""

    args: tuple[Arg, ...]
    read: Callable[[Any], T]
    key: Key | None = None
    """Decides the node in a cluster. None: any primary will do."""
    slow: bool = False
    """Whether the server executes it on another thread, because it signs or asks Postgres."""

    def parse(self, reply: Reply) -> T:
        """Reads a reply.

        Raises the error that Redis answered, and ModuleMissingError for an unknown shape.
        """
        if isinstance(reply, LockWatchError):
            raise reply
        try:
            return self.read(reply)
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            # A proxy, another module, or a version that this client does not know.
            raise ModuleMissingError("it answered in a way that this client does not know") from error


@runtime_checkable
class Connection(Protocol):
    """A synchronous way to send commands. `lockwatch.testing.Stub` is one with scripted replies."""

    def send(self, commands: Sequence[Command[Any]]) -> list[Reply]:
        """Sends the commands in one write, and returns a reply for each.

        Raises UnavailableError without an answer.
        """
        ...

    def close(self) -> None:
        """Closes the sockets."""
        ...


@runtime_checkable
class AsyncConnection(Protocol):
    """An asynchronous way to send commands.

    `lockwatch.testing.AsyncStub` is one with scripted replies.
    """

    async def send(self, commands: Sequence[Command[Any]]) -> list[Reply]:
        """Sends the commands in one write, and returns a reply for each.

        Raises UnavailableError without an answer.
        """
        ...

    async def aclose(self) -> None:
        """Closes the sockets."""
        ...


def packed(commands: Sequence[Command[Any]]) -> bytes:
    """The commands in RESP, for a single write."""
    out: list[str] = []
    for command in commands:
        out.append(f"*{len(command.args)}\r\n")
        for arg in command.args:
            # Joining text with one character per byte is fastest, and nearly all arguments are
            # ASCII.
            word = arg if isinstance(arg, str) and arg.isascii() else _bytes_of(arg).decode("latin-1")
            out.append(f"${len(word)}\r\n{word}\r\n")
    return "".join(out).encode("latin-1")


def _bytes_of(arg: Arg) -> bytes:
    # A path may hold lone surrogates. The module accepts any bytes.
    if isinstance(arg, str):
        return arg.encode("utf-8", "surrogatepass")
    if not isinstance(arg, (bytes, bytearray)):
        raise ConfigurationError(f"an argument of a command is a {type(arg).__name__}: expected a text or bytes")
    return arg
