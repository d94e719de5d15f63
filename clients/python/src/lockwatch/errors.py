"""What can go wrong, as exceptions that carry the module's code."""

from __future__ import annotations

from typing import ClassVar


class LockWatchError(Exception):
    """Any error that this package raises. `code` is the first word of the module's or the server's error reply."""

    code: ClassVar[str] = "ERR"


class ConfigurationError(LockWatchError, ValueError):
    """An option of ours has a value that can't work. Raised when the thing is made, before any request."""


class CallRefused(LockWatchError):
    """The server answered with an error that no class below stands for: a malformed call, a key of another type."""

    def __init__(self, message: str, code: str = "ERR") -> None:
        super().__init__(message)
        self.code = code  # type: ignore[misc]  # the class's is the default


class RedisAway(LockWatchError):
    """Redis did not do what was asked, and it is not the call's fault.

    `reason` says why, in a word that is the same in every language: `timeout`, `connection`, `bypassed`,
    `module_missing`, or the server's code in lower case (`loading`, `oom`, `readonly`, `clusterdown` …).
    """

    code = "AWAY"

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class ModuleMissing(RedisAway):
    """The server does not know the command: lockwatch is not loaded there, or is older than this client."""

    def __init__(self, server_message: str) -> None:
        super().__init__(
            "the Redis server does not know a lockwatch command "
            f"({server_message}): load liblockwatch.so there (loadmodule), of this client's version or later",
            "module_missing",
        )


class TokenError(LockWatchError):
    """A token is not good. Answer 401, and tell the client no more than that."""


class TokenInvalid(TokenError):
    """Malformed, of another issuer or audience, or with a bad signature."""

    code = "LWINVALID"


class TokenExpired(TokenError):
    """Past its time."""

    code = "LWEXPIRED"


class TokenRevoked(TokenError):
    """Its session was ended, or is not known."""

    code = "LWREVOKED"


class TokenReused(TokenError):
    """A refresh token was used again after its grace: its session was ended and an alert raised."""

    code = "LWREUSED"


class NoSigningKey(LockWatchError):
    """No key is configured to sign tokens with, and the server may not make one."""

    code = "LWNOKEY"


class Busy(LockWatchError):
    """Too much of this is under way; nothing was changed. Try again in a second."""

    code = "LWBUSY"


class JournalFull(LockWatchError):
    """The journal of events or alerts is full; the server has counted what it refused."""

    code = "LWFULL"


class LogUnavailable(LockWatchError):
    """Postgres could not be asked, and a part of the answer is not given for the whole."""

    code = "LWUNAVAILABLE"


_OF_THE_MODULE: tuple[type[LockWatchError], ...] = (
    TokenInvalid,
    TokenExpired,
    TokenRevoked,
    TokenReused,
    NoSigningKey,
    Busy,
    JournalFull,
    LogUnavailable,
)
_BY_CODE = {error.code: error for error in _OF_THE_MODULE}

# What a server says when it can't serve for now, whoever asks and whatever for.
_AWAY = frozenset(
    {
        "LOADING",
        "READONLY",
        "OOM",
        "MISCONF",
        "NOREPLICAS",
        "CLUSTERDOWN",
        "TRYAGAIN",
        "MASTERDOWN",
        "MOVED",
        "ASK",
        "NOAUTH",
        "NOPERM",
        "WRONGPASS",
        "UNBLOCKED",
        "UNKILLABLE",
        "BUSY",
    }
)


def from_reply(code: str, message: str) -> LockWatchError:
    """The exception for an error reply, taken apart into its code and the rest."""
    if (known := _BY_CODE.get(code)) is not None:
        return known(message)
    if code == "ERR" and message.startswith(("unknown command", "unknown subcommand")):
        return ModuleMissing(message)
    if code in _AWAY:
        return RedisAway(f"{code} {message}", code.lower())
    return CallRefused(f"{code} {message}", code)
