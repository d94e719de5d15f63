"""Who logged in, as the application says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Login:
    """Somebody whom `authenticate` has recognised. It may return the subject alone."""

    subject: str | int
    claims: Mapping[str, Any] | None = None
    """Claims of the access token: `{"scope": "orders:read"}`."""
    audience: str | Sequence[str] | None = None
    """One name, or a list of up to eight."""
    meta: Any = None
    """Kept with the session, and listed by `sessions`; what the routes send unless given."""


def login_of(returned: object) -> Login | None:
    """What `authenticate` returned; None for wrong credentials."""
    if returned is None or returned is False:
        return None
    login = returned if isinstance(returned, Login) else Login(returned)  # type: ignore[arg-type]  # checked next
    if isinstance(login.subject, bool) or not isinstance(login.subject, (str, int)) or login.subject == "":
        what = "a Login whose subject is " if login is returned else ""
        raise ConfigurationError(
            f"authenticate returned {what}a {type(login.subject).__name__}: expected a subject (a text or a number), "
            "Login(subject, claims={…}), or None for wrong credentials"
            if login.subject != ""
            else "authenticate returned an empty subject: return None for wrong credentials"
        )
    return login
