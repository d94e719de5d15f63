"""The exceptions of this package.

`code` is the first word of the error that Redis answered (`LWEXPIRED`, `WRONGTYPE`).

Without an answer from Redis, `code` is one of `TIMEOUT`, `CONNECTION`, `BYPASSED`,
`MODULE_MISSING`. `LEASE_DENIED`, `BUDGET_EXCEEDED` and `ATTEMPT_DENIED` are denials.
"""

from __future__ import annotations

import math
import re
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .guard import GuardResult


class LockWatchError(Exception):
    """Any error that this package raises."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class ConfigurationError(LockWatchError, ValueError):
    """An option has a value that cannot work. Raised before any request is sent."""

    def __init__(self, message: str) -> None:
        super().__init__("CONFIGURATION", message)


class NoRuleError(ConfigurationError):
    """LWNORULE: the server has no rules for a guard of this name.

    It decides nothing then, so no setting for a Redis that is away hides this error.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class CommandError(LockWatchError):
    """Redis refused a malformed call (`ERR`), or a key of another type (`WRONGTYPE`)."""


class UnavailableError(LockWatchError):
    """Redis did not execute the command, and the call is not at fault.

    Redis is away, slow, loading, read-only, out of memory, busy, refuses the user, or lacks the
    module. `server` is the host and port that the message names, if they are known.
    """

    def __init__(self, code: str, message: str, server: str | None = None) -> None:
        super().__init__(code, message)
        self.server = server


class ModuleMissingError(UnavailableError):
    """The server does not know the command, or answers it in another way."""

    def __init__(self, server_message: str, server: str | None = None) -> None:
        at = f" at {server}" if server else ""
        super().__init__(
            "MODULE_MISSING",
            f"the Redis server{at} does not know a lockwatch command "
            f"({server_message}): load liblockwatch.so there (loadmodule), of this client's version or later",
            server,
        )


class DeniedError(LockWatchError):
    """A limit has no room at present."""

    def __init__(self, code: str, message: str, retry_after_ms: float) -> None:
        super().__init__(code, message)
        self.retry_after_ms = retry_after_ms
        """Infinity if waiting does not help."""

    @property
    def retry_after(self) -> timedelta | None:
        """Time after which to try again; None if waiting does not help."""
        return None if self.retry_after_ms == math.inf else timedelta(milliseconds=self.retry_after_ms)

    @property
    def retry_after_seconds(self) -> int | None:
        """Whole seconds, at least one, for a header; None if waiting does not help."""
        return None if self.retry_after_ms == math.inf else max(1, math.ceil(self.retry_after_ms / 1000))


class LeaseDeniedError(DeniedError):
    """All units of a limit are held by leases.

    `retry_after` is an upper bound: a lease that is released ends before.
    """

    def __init__(self, key: object, retry_after_ms: float) -> None:
        super().__init__("LEASE_DENIED", f"the leases of {key!r} leave no room for another one", retry_after_ms)


class TokenBudgetExceededError(DeniedError):
    """A limit of a `TokenBudget` has no room for a reservation."""

    def __init__(self, key: object, retry_after_ms: float) -> None:
        super().__init__("BUDGET_EXCEEDED", f"the budget of {key!r} has no room for this reservation", retry_after_ms)


class AttemptDeniedError(DeniedError):
    """A guard denies a login, or demands a challenge that was not passed.

    `retry_after` is None for the latter.
    """

    def __init__(self, result: GuardResult) -> None:
        why = (
            f"denies this attempt (rule {result.rule})"
            if result.denied
            else "demands a challenge, which was not passed"
        )
        retry_after_ms = result.retry_after_ms if result.denied else math.inf
        super().__init__("ATTEMPT_DENIED", f"the guard {why} (rule {result.rule})", retry_after_ms)
        self.result = result


class FullError(LockWatchError):
    """LWFULL: the queue of audit events or alerts is full, or a key has its most leases."""


class NoPolicyError(LockWatchError):
    """LWNOPOLICY: the server has no policy of this name. Set it with LW.POLICY SET."""


class NoKeyError(LockWatchError):
    """LWNOKEY: the server has no key to sign tokens with, and may not generate one."""


class ConflictError(LockWatchError):
    """LWCONFLICT: the refresh token was rotated a moment ago with other claims.

    Nothing was changed. `rotate` without claims returns the tokens of that rotation.
    """


class TokenError(LockWatchError):
    """The token is not accepted. Answer 401, and do not tell the client why."""


class TokenInvalidError(TokenError):
    """LWINVALID: the token is malformed, has a bad signature, or has another issuer or audience."""


class TokenExpiredError(TokenError):
    """LWEXPIRED."""


class TokenRevokedError(TokenError):
    """LWREVOKED: the session has ended or is unknown."""


class TokenReusedError(TokenError):
    """LWREUSED: a refresh token was used a second time, and its session has ended."""


_CLASSES: dict[str, type[LockWatchError]] = {
    "LWINVALID": TokenInvalidError,
    "LWEXPIRED": TokenExpiredError,
    "LWREVOKED": TokenRevokedError,
    "LWREUSED": TokenReusedError,
    "LWCONFLICT": ConflictError,
    "LWFULL": FullError,
    "LWNOKEY": NoKeyError,
    "LWNOPOLICY": NoPolicyError,
    "LWNORULE": NoRuleError,
}
_UNAVAILABLE = frozenset(
    (
        *("LWBUSY", "LWUNAVAILABLE"),
        *("LOADING", "BUSY", "UNKILLABLE", "UNBLOCKED", "READONLY", "OOM", "MISCONF", "NOREPLICAS"),
        *("CLUSTERDOWN", "TRYAGAIN", "MASTERDOWN", "MOVED", "ASK"),
        *("NOAUTH", "NOPERM", "WRONGPASS"),
    )
)


def answered_error(code: str, message: str, server: str | None = None) -> LockWatchError:
    """The exception for an error reply, split into its code and its message.

    `server` is its host and port.
    """
    if code == "ERR" and message.startswith(("unknown command", "unknown subcommand")):
        return ModuleMissingError(message, server)
    if (known := _CLASSES.get(code)) is not None:
        return known(code, message)
    if code not in _UNAVAILABLE:
        return CommandError(code, f"{code} {message}")
    told = f"{code} {message}" + (_right_to_add(message) if code == "NOPERM" else "")
    return UnavailableError(code, f"{told} (Redis at {server})" if server else told, server)


# Older versions of Redis write "this user" in place of the name.
_NO_COMMAND = re.compile(r"(?:User (\S+)|this user) has no permissions to run the '([^']+)' command")
_NO_KEY = re.compile("access (a|one of the) key")


def _right_to_add(message: str) -> str:
    if (command := _NO_COMMAND.search(message)) is not None:
        return f": add it with ACL SETUSER {command[1] or '<user>'} +{command[2].lower()}"
    return ": add the keys with ACL SETUSER <user> ~lw:*" if _NO_KEY.search(message) else ""
