"""What the middleware found out about a request, for the handlers and for the audit event."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from ..burst import BurstResult
from ..guard import GuardResult
from ..ratelimit import DEFAULT_HEADERS, HeaderKind, RateLimitResult
from .charging import Pending
from .counted import Counted
from .denial import denial_data
from .fallback import LimitDenial


@dataclass(slots=True)
class LockWatchState:
    """`request.state.lockwatch` under ASGI, `environ["lockwatch"]` under WSGI."""

    policy: str
    client: str
    """The part of the keys between the braces."""
    address: str | None
    """The client's address; None for a Unix socket."""
    limit: RateLimitResult | None = None
    """The limit that binds; None if Redis did not answer."""
    burst: BurstResult | None = None
    failure: str | None = None
    """Why Redis did not answer, or the code of its error, in lower case:

    `timeout`, `connection`, `loading`.
    """
    limited: bool = False
    """Whether a limit denied the request, in shadow mode too."""
    shadowed: bool = False
    """Whether the request was denied in shadow mode, and went on."""
    guard: GuardResult | None = None
    """What the guard of the middleware answered; None without one, or if Redis did not answer."""
    blocked: bool = False
    """Whether a guard denied the request, so that its response is not the application's."""
    user: str | int | None = None
    """The user in the audit event. Set it once the application knows; `jwt_required` does."""
    key_text: str | None = field(default=None, repr=False)
    """The result of the last key function, which is the event's user unless `user` is set."""
    denial: str | None = field(default=None, repr=False)
    """The data of the audit event if a limit or a guard denied the request."""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The limit's headers, which the middleware adds to the response."""
    network: str | None = field(default=None, repr=False)
    """What the address counts as, as in keys: `ip:203.0.113.9`."""
    header_kinds: tuple[HeaderKind, ...] = field(default=DEFAULT_HEADERS, repr=False)
    """Which headers describe a limit of this request."""
    exempt: bool = False
    """Whether the client is exempt by its address, so that no limit applies."""
    recorded: bool = field(default=False, repr=False)
    """Whether a middleware records the request, and does what limits have left to do."""
    guards: list[object] = field(default_factory=list, repr=False)
    """The guards of middlewares that the request was checked by."""
    counted: Counted = field(default_factory=Counted, repr=False)
    """The limits that counted the request."""
    pending: list[Pending] = field(default_factory=list, repr=False)
    """What limits have left to do after the response."""

    def judge(self, limit: RateLimitResult, policy: str, key: str, *, shadow: bool) -> None:
        """Records the result of the limit at a key, and replaces the headers of an earlier one."""
        self.limit = limit
        self.headers = limit_headers(limit, policy, self.header_kinds, shadow=shadow)
        if not limit.allowed:
            self._deny(limit, policy, key, shadow=shadow)

    def judge_locally(self, denial: LimitDenial) -> None:
        """Records that the limiter in the process denied the request."""
        self.headers = {**self.headers, **limit_headers(denial.result, denial.name, (), shadow=False)}
        self._deny(denial.result, denial.name, denial.key, shadow=False)

    def _deny(self, limit: RateLimitResult, policy: str, key: str, *, shadow: bool) -> None:
        # A denial without shadow mode outweighs an earlier one in shadow mode.
        self.limited, self.shadowed = True, shadow
        self.denial = denial_data(limit, policy, key, shadow=shadow)


def limit_headers(
    limit: RateLimitResult, policy: str, kinds: Collection[HeaderKind], *, shadow: bool
) -> dict[str, str]:
    """The headers of a limit. In shadow mode a denied request goes on, and is not told to retry."""
    headers = limit.headers(policy, kinds)
    if shadow:
        headers.pop("Retry-After", None)
    return headers
