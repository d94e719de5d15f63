"""A login that a guard lets go on, and what became of it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .device import DeviceCookie
from .guard import GuardResult, attempt, event
from .notices import say_once
from .redis.connection import Arg, Command, Key

# Outcomes after which another one makes no sense.
_FINAL = frozenset({"failure", "unknown", "success"})
# Outcomes that say which password was tried.
_WITH_VALUE = frozenset({"failure", "unknown"})


@dataclass(frozen=True, slots=True)
class Trial:
    """Who tries to log in, as the commands name it."""

    key: Key
    ip: str | None
    user: Arg | int | None
    device: str | None
    value: str | None
    normalize: bool

    def ask(self, *, solved: bool) -> Command[GuardResult]:
        """LW.ATTEMPT."""
        return attempt(
            self.key,
            ip=self.ip,
            user=self.user,
            device=self.device,
            value=self.value,
            solved=solved,
            normalize=self.normalize,
        )

    def tell(self, kind: str, device: str | None) -> Command[GuardResult]:
        """LW.EVENT."""
        return event(
            self.key,
            kind,
            ip=self.ip,
            user=self.user,
            value=self.value if kind in _WITH_VALUE else None,
            device=device,
            normalize=self.normalize,
        )


class Attempt:
    """A login while its password is checked.

    Say one of `failed`, `unknown`, `succeeded`, `password_ok`, `mfa_failed` before the block ends.
    They never wait: a queue sends the outcome, also if the task is cancelled meanwhile. If nothing
    is said, and after an exception, nothing is sent: the attempt stays charged as one without an
    outcome.
    """

    def __init__(
        self, trial: Trial, result: GuardResult, record: Callable[[Command[Any]], None], cookie: DeviceCookie | None
    ) -> None:
        self._trial = trial
        self._record = record
        self._cookie = cookie
        self._is_final = False
        self.result = result
        """What LW.ATTEMPT answered."""
        self.outcome: str | None = None
        """The last outcome that was said, as the kind of LW.EVENT."""
        self.device = trial.device
        """The device of the request's cookie; after `succeeded(response)` the new one."""

    def failed(self) -> None:
        """The password is wrong."""
        self._say("failure")

    def unknown(self) -> None:
        """There is no such user. Answer as if the password were wrong."""
        self._say("unknown")

    def password_ok(self) -> None:
        """The password is right, and another factor is still to come."""
        self._say("password")

    def mfa_failed(self) -> None:
        """Another factor than the password is wrong."""
        self._say("mfa")

    def succeeded(self, response: Any = None) -> None:  # noqa: ANN401  # of any framework
        """The login is complete, with every factor.

        Empties the counts of this user and address, and makes the network and the device known to
        the user. On `response` the cookie of the device is set, with a new device.
        """
        if response is not None and self._cookie is not None:
            self.renew_device()
            self._cookie.set(response, str(self.device))
        self._say("success")

    def renew_device(self) -> str | None:
        """Replaces the device by a new one, which `succeeded` then makes known.

        Returns the value of its `Set-Cookie` header; None if the guard has no cookie.
        """
        if self._cookie is None:
            return None
        self.device = self._cookie.new()
        return self._cookie.header(self.device)

    def leave(self, *, failed: bool) -> None:
        """The block ends."""
        if self.outcome is None and not failed:
            say_once(
                "outcome",
                logging.DEBUG,
                "a login ended without an outcome, and is charged as an open attempt: call attempt.failed(), "
                ".unknown(), .succeeded(), .password_ok() or .mfa_failed() before the end of the block",
            )

    def _say(self, kind: str) -> None:
        if self._is_final:
            raise RuntimeError(f"the outcome of this attempt was reported already: {self.outcome}, and now {kind}")
        self._is_final, self.outcome = kind in _FINAL, kind
        self._record(self._trial.tell(kind, self.device))
