"""A guard in front of a login in Flask."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from flask import g, request

from .client import LockWatch
from .device import DeviceCookie
from .flask_refused import refused
from .flask_request import credentials
from .flow import check_client, run
from .guard import GuardResult
from .guard_attempt import Trial
from .guard_core import AttemptBlock, Challenge, GuardCore, GuardSettings, Refusal, User
from .guard_rules import FLASK_GUARD
from .guards import DEVICE
from .http.client_address import limited_address
from .http.fallback import LoginFailureMode
from .http.state import LockWatchState
from .redis.connection import Arg, Key
from .token.guarded import LoginGuard, name_in, password_in


class Guard:
    """A guard in front of a login.

    `guard = Guard(lw, "login", challenge="deny")`, and around the check of the password
    `with guard.attempt(user, password=password) as attempt:`.

    `key` may be a function without arguments. `challenge` is "deny", "allow", or a function of the
    `GuardResult`, which returns whether the client has passed a challenge, or the response that
    asks for one.
    """

    def __init__(
        self,
        lockwatch: LockWatch,
        key: Key | Callable[[], Key],
        *,
        challenge: Challenge,
        on_redis_failure: LoginFailureMode = "deny",
        normalize: bool = True,
        password_digest_key: str | bytes | None = None,
        device_cookie: DeviceCookie | None = DEVICE,
    ) -> None:
        check_client(lockwatch, LockWatch, "Guard(lw, 'login', challenge='deny')")
        options = {
            "key": key,
            "challenge": challenge,
            "on_redis_failure": on_redis_failure,
            "normalize": normalize,
            "password_digest_key": password_digest_key,
            "device_cookie": device_cookie,
        }
        self.core = GuardCore(lockwatch, GuardSettings.of(options, FLASK_GUARD))

    def attempt(self, user: User = None, *, password: str | bytes | None = None) -> AttemptBlock:
        """A block around the check of a password: `with guard.attempt(user) as attempt`.

        Raises `Refused`: 429 if the guard denies the login, 503 if Redis does not answer, or what
        the challenge function returned.
        """

        def refuse(refusal: Refusal) -> Exception:
            mark_blocked()
            return refused(refusal.reply)

        return AttemptBlock(self.core, self.trial(user, password), (), refuse)

    def trial(self, user: User, password: str | bytes | None = None) -> Trial:
        """Who tries to log in: the client's address as the middleware found it, and its device."""
        address, cookie = limited_address(_state(), request.remote_addr), self.core.settings.cookie
        return self.core.trial(
            ip=None if address is None else str(address),
            user=user,
            device=None if cookie is None else cookie.read(request.cookies),
            password=password,
        )

    def check(self, user: User = None, *, free_key: Arg | None = None) -> GuardResult:
        """What holds for a client. It may go on if Redis does not answer."""
        return run(self.core.look(self.trial(user), free_key))

    def event(self, kind: str, user: User = None, *, free_key: Arg | None = None, value: Arg | None = None) -> None:
        """Reports what happened, as LW.EVENT does. Never waits, and a failure is logged only."""
        self.core.tell(self.trial(user), kind, free_key, value)

    def reset(self, user: User) -> None:
        """The user has changed the password: forgets the known networks and devices, and counts."""
        self.event("reset", user)


def mark_blocked() -> None:
    """Tells the middleware that the response is not the application's."""
    state = _state()
    if state is not None:
        state.blocked = True


def login_guard(guard: Guard, login_name: Callable[[], Any] | None) -> LoginGuard:
    """The guard of the login route."""

    def trial() -> Trial:
        members = credentials()
        name = name_in(members) if login_name is None else login_name()
        return guard.trial(name, password_in(members))

    return LoginGuard(
        core=guard.core, trial=trial, arguments=(), hold=partial(setattr, g, "attempt"), block=mark_blocked
    )


def _state() -> LockWatchState | None:
    state = request.environ.get("lockwatch")
    return state if isinstance(state, LockWatchState) else None
