"""A guard in front of a login, without a framework.

`fastapi_guard.py` and `flask_guard.py` have the guards that read a request and answer it.
"""

from __future__ import annotations

from .aio import AsyncLockWatch
from .client import LockWatch
from .device import DeviceCookie
from .errors import ConfigurationError
from .guard_core import AttemptBlock, Challenge, GuardCore, GuardSettings, User
from .guard_rules import ASYNC_GUARD, GUARD
from .http.fallback import LoginFailureMode
from .redis.connection import Arg, Key

DEVICE = DeviceCookie()


class Guard:
    """A guard in front of a login, for any framework.

    `guard = Guard(lw, "login", challenge="deny")`, and around the check of the password
    `with guard.attempt(ip=…, user=…) as attempt:`; with an `AsyncLockWatch` `async with`.

    `challenge` says what to do when a rule demands one: "deny", "allow", or a function that gets
    the `GuardResult` and returns whether the client has passed a challenge. With
    `password_digest_key` a keyed digest of the password is sent, so that an application with a
    stale password does no harm. The password itself is never sent.
    """

    def __init__(
        self,
        lockwatch: LockWatch | AsyncLockWatch,
        key: Key,
        *,
        challenge: Challenge,
        on_redis_failure: LoginFailureMode = "deny",
        normalize: bool = True,
        password_digest_key: str | bytes | None = None,
        device_cookie: DeviceCookie | None = DEVICE,
    ) -> None:
        if not isinstance(lockwatch, (LockWatch, AsyncLockWatch)):
            raise ConfigurationError(
                f"Guard(lw, 'login', challenge='deny') needs a LockWatch or an AsyncLockWatch: it is a "
                f"{type(lockwatch).__name__}"
            )
        options = {
            "key": key,
            "challenge": challenge,
            "on_redis_failure": on_redis_failure,
            "normalize": normalize,
            "password_digest_key": password_digest_key,
            "device_cookie": device_cookie,
        }
        rules = ASYNC_GUARD if isinstance(lockwatch, AsyncLockWatch) else GUARD
        self._core = GuardCore(lockwatch, GuardSettings.of(options, rules))

    def attempt(
        self,
        *,
        ip: str | None = None,
        user: User = None,
        device: str | None = None,
        password: str | bytes | None = None,
    ) -> AttemptBlock:
        """A block around the check of a password.

        Raises AttemptDeniedError if the guard denies the login, and UnavailableError if Redis does
        not answer, unless `on_redis_failure` is "allow".
        """
        trial = self._core.trial(ip=ip, user=user, device=device, password=password)
        return AttemptBlock(self._core, trial, (), lambda refusal: refusal.error)

    def event(
        self,
        kind: str,
        *,
        ip: str | None = None,
        user: User = None,
        free_key: Arg | None = None,
        value: Arg | None = None,
        device: str | None = None,
    ) -> None:
        """Reports what happened, as LW.EVENT does. Never waits, and a failure is logged only."""
        self._core.tell(self._core.trial(ip=ip, user=user, device=device), kind, free_key, value)

    def reset(self, user: User) -> None:
        """The user has changed the password: forgets the known networks and devices, and counts."""
        self.event("reset", user=user)
