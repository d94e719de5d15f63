"""A guard in front of the login route."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from ..flow import Flow, ask
from ..guard_attempt import Attempt
from ..guard_core import GuardCore, Refusal
from ..http.reply import Reply


@dataclass(frozen=True, slots=True)
class LoginGuard:
    """How a login asks its guard."""

    core: GuardCore
    trial: Callable[[], Any]
    """Returns the `Trial`. May be asynchronous in an asynchronous framework."""
    arguments: tuple[object, ...]
    """What the challenge function gets in front of the result."""
    hold: Callable[[Attempt], object]
    """Puts the attempt where the application finds it."""
    block: Callable[[], object]
    """Tells the middleware that the response is not the application's."""

    def begin(self) -> Flow[Attempt | Reply]:
        """The attempt, or the response to a login that ends here."""
        trial = yield from ask("login_name", self.trial)
        outcome = yield from self.core.begin(trial, *self.arguments)
        if isinstance(outcome, Refusal):
            self.block()
            return outcome.reply
        self.hold(outcome)
        return outcome


def name_in(members: dict[str, Any]) -> str | None:
    """The name that a login was tried with, as its body has it; None if it has none."""
    name = members.get("username")
    return str(name) if isinstance(name, (str, int)) and not isinstance(name, bool) else None


def password_in(members: dict[str, Any]) -> str | None:
    """The password that a login was tried with; None if the body has none."""
    password = members.get("password")
    return password if isinstance(password, str) else None


def refuse(attempt: Attempt | None) -> None:
    """The credentials are wrong. An outcome that the application reported itself stays."""
    if attempt is not None and attempt.outcome is None:
        attempt.failed()


def complete(attempt: Attempt | None, reply: Reply) -> Reply:
    """The login is complete. The response gets the cookie of a new device."""
    if attempt is None or attempt.outcome not in (None, "password"):
        return reply
    cookie = attempt.renew_device()
    attempt.succeeded()
    return reply if cookie is None else replace(reply, cookies=(*reply.cookies, cookie))
