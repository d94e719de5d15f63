"""A guard in front of a login in FastAPI and Starlette."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

from fastapi import Request

from .aio import AsyncLockWatch
from .asgi import STATE
from .device import DeviceCookie
from .fastapi_request import credentials
from .fastapi_responses import Refused, prepare
from .flow import check_client, run_async
from .guard import GuardResult
from .guard_attempt import Trial
from .guard_core import AttemptBlock, Challenge, GuardCore, GuardSettings, Refusal, User
from .guard_rules import FASTAPI_GUARD
from .guards import DEVICE
from .http.client_address import limited_address
from .http.fallback import LoginFailureMode
from .http.state import LockWatchState
from .redis.connection import Arg, Key
from .token.guarded import LoginGuard, name_in, password_in


class Guard:
    """A guard in front of a login.

    `guard = Guard(lw, "login", challenge="deny")`, and around the check of the password
    `async with guard.attempt(request, user, password=password) as attempt:`.

    `key` may be a function of the request. `challenge` is "deny", "allow", or a function of the
    request and the `GuardResult`, which returns whether the client has passed a challenge, or the
    response that asks for one. It may be asynchronous.
    """

    def __init__(
        self,
        lockwatch: AsyncLockWatch,
        key: Key | Callable[[Request], Key],
        *,
        challenge: Challenge,
        on_redis_failure: LoginFailureMode = "deny",
        normalize: bool = True,
        password_digest_key: str | bytes | None = None,
        device_cookie: DeviceCookie | None = DEVICE,
    ) -> None:
        check_client(lockwatch, AsyncLockWatch, "Guard(lw, 'login', challenge='deny')")
        options = {
            "key": key,
            "challenge": challenge,
            "on_redis_failure": on_redis_failure,
            "normalize": normalize,
            "password_digest_key": password_digest_key,
            "device_cookie": device_cookie,
        }
        self.core = GuardCore(lockwatch, GuardSettings.of(options, FASTAPI_GUARD))

    def attempt(self, request: Request, user: User = None, *, password: str | bytes | None = None) -> AttemptBlock:
        """A block around the check of a password: `async with guard.attempt(request, user)`.

        Raises `Refused`: 429 if the guard denies the login, 503 if Redis does not answer, or what
        the challenge function returned.
        """

        def refused(refusal: Refusal) -> Refused:
            prepare(request)
            mark_blocked(request)
            return Refused(refusal.reply)

        return AttemptBlock(self.core, self.trial(request, user, password), (request,), refused)

    def trial(self, request: Request, user: User, password: str | bytes | None = None) -> Trial:
        """Who tries to log in: the client's address as the middleware found it, and its device."""
        state, peer = _state(request), request.client.host if request.client else None
        address, cookie = limited_address(state, peer), self.core.settings.cookie
        return self.core.trial(
            request,
            ip=None if address is None else str(address),
            user=user,
            device=None if cookie is None else cookie.read(request.cookies),
            password=password,
        )

    async def check(self, request: Request, user: User = None, *, free_key: Arg | None = None) -> GuardResult:
        """What holds for a client. It may go on if Redis does not answer."""
        return await run_async(self.core.look(self.trial(request, user), free_key))

    def event(
        self, request: Request, kind: str, user: User = None, *, free_key: Arg | None = None, value: Arg | None = None
    ) -> None:
        """Reports what happened, as LW.EVENT does. Never waits, and a failure is logged only."""
        self.core.tell(self.trial(request, user), kind, free_key, value)

    def reset(self, request: Request, user: User) -> None:
        """The user has changed the password: forgets the known networks and devices, and counts."""
        self.event(request, "reset", user)


def mark_blocked(request: Request) -> None:
    """Tells the middleware that the response is not the application's."""
    state = _state(request)
    if state is not None:
        state.blocked = True


def login_guard(guard: Guard, request: Request, login_name: Callable[[Request], Any] | None) -> LoginGuard:
    """The guard of the login route."""

    async def trial() -> Trial:
        members = await credentials(request)
        name = name_in(members)
        if login_name is not None:
            name = login_name(request)
            if inspect.isawaitable(name):
                name = await name
        return guard.trial(request, name, password_in(members))

    return LoginGuard(
        core=guard.core,
        trial=trial,
        arguments=(request,),
        hold=partial(setattr, request.state, "attempt"),
        block=partial(mark_blocked, request),
    )


def _state(request: Request) -> LockWatchState | None:
    state = request.scope.get(STATE)
    return state if isinstance(state, LockWatchState) else None
