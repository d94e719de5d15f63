"""What the middleware found out about a request, for the handlers behind it."""

from __future__ import annotations

from dataclasses import dataclass

from ..results import Burst, RateLimit


@dataclass(slots=True)
class State:
    """`request.state.lockwatch`, `environ["lockwatch"]`."""

    policy: str
    client: str
    """Whose request it is: the part of the key between the braces."""
    address: str | None
    """Where it comes from; None for a Unix socket."""
    shadow: bool
    rate_limit: RateLimit | None = None
    """None if Redis did not say."""
    burst: Burst | None = None
    failure: str | None = None
    """Why Redis did not say: `timeout`, `connection`, `loading` …"""
    user: str | None = None
    """Whom the audit log names. Set it when you know; `jwt_required` does."""
    limited: bool = False
    """Whether a limit said no, in shadow mode too. A limit that the application places sets it as well."""
