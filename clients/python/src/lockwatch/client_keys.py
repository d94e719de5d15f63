"""`client_keys` and `reset` list and delete the keys of one client.

They show why a client was denied, and let it in again. No request waits for them. They go through
all keys of one server with SCAN: in a cluster only through those of the node that holds the
client's slot.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, TypeVar

from .errors import CommandError, ConfigurationError
from .http.address import AddressPrefixes, parse_address
from .http.keys import Keys, address_client, key_client
from .limits import Limit
from .ratelimit import rate_limit_command
from .redis.connection import Command, Key
from .redis.records import integer
from .rules import KEY_PREFIX

T = TypeVar("T")
# Yields commands, and is sent their replies.
Steps: TypeAlias = Generator[Sequence[Command[Any]], list[Any], T]
KeyKind: TypeAlias = Literal["limit", "unverified", "route limit", "burst"]

_WINDOWS_MS = (60_000, 3_600_000, 86_400_000)
# Keys that the server looks at in one step of SCAN.
_STEP = "1000"
# More than anybody uses, and the same in all clients.
_NO_LIMIT = 1 << 52


@dataclass(frozen=True, slots=True)
class ClientKey:
    """A key of a client. The numbers are None for a burst."""

    key: str
    policy: str | None
    """The name of the policy or of the route's limit; None for a burst."""
    kind: KeyKind
    expires_in: float | None
    """Seconds; None if it does not expire."""
    last_minute: int | None = None
    """Units that were used in the last minute. Hits that left the longest window are forgotten."""
    last_hour: int | None = None
    last_day: int | None = None


def client_prefix(
    key_prefix: str,
    service: str | None,
    *,
    client: str | None,
    key: object,
    address: str | None,
    prefixes: AddressPrefixes,
) -> str:
    """What the keys of a client start with. One of `client`, `key` and `address` is given."""
    if sum(given is not None for given in (client, key, address)) != 1:
        raise ConfigurationError(
            "give one of client= (as in the audit event: 'ip:203.0.113.9'), key= (what the key function returned) "
            "and address="
        )
    if address is not None:
        parsed = parse_address(address)
        if parsed is None:
            raise ConfigurationError(f"address is {address!r}, which is no IP address: write '203.0.113.9'")
        client = address_client(parsed, prefixes)
    elif key is not None:
        client = key_client(key)
    if not client:
        raise ConfigurationError("the client is an empty text, and has no keys")
    return Keys(KEY_PREFIX.read("key_prefix", key_prefix), service).limit(client, "")


def scan(prefix: str) -> Steps[list[bytes]]:
    """The keys that start with a prefix, on the node that holds its hash tag."""
    pattern = re.sub(r"([\\*?\[\]])", r"\\\1", prefix) + "*"
    cursor, found = b"0", dict[bytes, None]()
    while True:
        command: Command[tuple[bytes, list[bytes]]] = Command(
            ("SCAN", cursor, "MATCH", pattern, "COUNT", _STEP), _read_scan, prefix, slow=True
        )
        cursor, keys = command.parse((yield (command,))[0])
        # No name of a policy has a brace: a key with one is that of a longer client.
        rest = len(prefix.encode("utf-8", "surrogatepass"))
        found.update(dict.fromkeys(key for key in keys if b"}" not in key[rest:]))
        if cursor == b"0":
            return sorted(found)


def find(prefix: str) -> Steps[list[ClientKey]]:
    """The keys that start with a client's prefix."""
    found = [_Found(key, prefix) for key in (yield from scan(prefix))]
    if not found:
        return []
    replies = iter((yield [command for each in found for command in each.commands]))
    return [each.described([next(replies) for _ in each.commands]) for each in found]


def reset(prefix: str) -> Steps[int]:
    """Deletes the keys that start with a client's prefix, and returns their number."""
    keys = yield from scan(prefix)
    if not keys:
        return 0
    command: Command[int] = Command(("UNLINK", *keys), integer, prefix, slow=True)
    return command.parse((yield (command,))[0])


class _Found:
    """A key that was found, and the commands that describe it."""

    def __init__(self, key: bytes, prefix: str) -> None:
        self._name = key.decode("utf-8", "backslashreplace")
        self._kind, self._policy = _kind(self._name[len(prefix) :])
        self._expiry: Command[int] = Command(("PTTL", key), integer, key, slow=True)
        self._peeks = () if self._kind == "burst" else tuple(_peek(key, window) for window in _WINDOWS_MS)

    @property
    def commands(self) -> tuple[Command[Any], ...]:
        return (self._expiry, *self._peeks)

    def described(self, replies: Sequence[Any]) -> ClientKey:
        ms = self._expiry.parse(replies[0])
        used = (_used(command, reply) for command, reply in zip(self._peeks, replies[1:], strict=True))
        return ClientKey(self._name, self._policy, self._kind, None if ms < 0 else ms / 1000, *used)


def _kind(rest: str) -> tuple[KeyKind, str | None]:
    if rest == "burst":
        return "burst", None
    if rest.startswith("limit:"):
        return "route limit", rest.removeprefix("limit:")
    if rest.endswith(":unverified"):
        return "unverified", rest.removesuffix(":unverified")
    return "limit", rest


def _peek(key: Key, window_ms: int) -> Command[Any]:
    # One window at a time, because a reply describes the one that binds.
    return rate_limit_command("LW.PEEK", key, (Limit(_NO_LIMIT, window_ms),), 0)


def _used(command: Command[Any], reply: Any) -> int | None:  # noqa: ANN401  # a reply is anything
    try:
        return _NO_LIMIT - int(command.parse(reply).remaining)
    except CommandError:
        # A key of another type, which lockwatch has not made.
        return None


def _read_scan(reply: Any) -> tuple[bytes, list[bytes]]:  # noqa: ANN401
    cursor, keys = reply
    return _bytes(cursor), [_bytes(key) for key in keys]


def _bytes(value: bytes | str) -> bytes:
    return value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value
