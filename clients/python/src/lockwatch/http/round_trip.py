"""The commands for a request: one for each limit, then maybe LW.BURST, then maybe LW.CHECK."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .. import burst
from ..guard import GuardResult
from ..limits import ParsedLimits, ServerPolicy, address_limits
from ..ratelimit import RateLimitResult
from ..redis.connection import Arg, Command
from ..redis.records import option, text
from .address import address_text
from .fallback import AskedLimit
from .keys import credential_client, header_bytes
from .options import Settings
from .policies import Policy
from .request import HttpRequest
from .shortened import shortened, shortened_bytes
from .state import LockWatchState


@dataclass(slots=True)
class LimitCommand:
    """The command that asks for a limit."""

    name: str
    """As in headers."""
    command: Command[RateLimitResult]
    limits: ParsedLimits


@dataclass(slots=True)
class RoundTrip:
    """What is sent before the application is called."""

    policy: Policy
    state: LockWatchState
    limits: tuple[LimitCommand, ...]
    """Of the client, and for a credential also of its address."""
    burst: Command[burst.BurstResult] | None
    cost: int
    check: Command[GuardResult] | None = None

    @property
    def commands(self) -> list[Command[Any]]:
        """The commands in their order."""
        commands: list[Command[Any]] = [each.command for each in self.limits]
        if self.burst is not None:
            commands.append(self.burst)
        if self.check is not None:
            commands.append(self.check)
        return commands


class Commands:
    """Makes the commands of a middleware."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def state(self, request: HttpRequest, policy: Policy, client: str | None = None) -> LockWatchState:
        """The state of a request that no middleware has seen. The client is the address if None."""
        settings = self._settings
        network = settings.address_client(request.address)
        address = None if request.address is None else address_text(request.address)
        state = LockWatchState(policy.name, client or network, address)
        state.network, state.header_kinds = network, settings.header_kinds
        return state

    def round_trip(
        self, request: HttpRequest, policy: Policy, client: str | None, limits: ParsedLimits, cost: int
    ) -> RoundTrip:
        """The commands for a request; of the address or credential if there is no `client`."""
        settings = self._settings
        credential = self._credential(request) if client is None and policy.by_credential else None
        state = self.state(request, policy, client or credential)
        counted = client or state.network or ""
        asked = [self._limit(state.client, policy, policy.name, limits, cost)]
        if credential is not None:
            # The credential is not verified, and a client can make up any number of values. So the
            # address is limited as well.
            of_address = (None if policy.own_limits else settings.address_limits) or address_limits(limits)
            unverified = self._limit(counted, policy, f"{policy.name}:unverified", of_address, cost)
            unverified.name = f"{policy.name}-unverified"
            asked.append(unverified)
        return RoundTrip(policy, state, tuple(asked), self.burst(counted, request, state.address), cost)

    def _credential(self, request: HttpRequest) -> str | None:
        header = self._settings.credential_header
        value = request.header(header)
        return None if value is None else credential_client(header, value)

    def _limit(self, client: str, policy: Policy, name: str, limits: ParsedLimits, cost: int) -> LimitCommand:
        key = self._settings.keys.limit(client, name)
        return LimitCommand(name, policy.charging.command(key, limits, cost), limits)

    def burst(self, client: str, request: HttpRequest, ip: str | None) -> Command[burst.BurstResult] | None:
        """Counts a client's burst; None if bursts are off."""
        if self._settings.burst_arguments is None:
            return None
        key = self._settings.keys.burst(client)
        agent = request.header("user-agent")
        args: tuple[Arg, ...] = (
            *("LW.BURST", key, *self._settings.burst_arguments),
            *option("IP", ip),
            *("ENDPOINT", shortened(request.path)),
            *option("METHOD", request.method_argument),
            *option("AGENT", None if agent is None else shortened_bytes(header_bytes(agent))),
        )
        return Command(args, burst.read_burst, key)

    def for_fallback(self, trip: RoundTrip) -> list[AskedLimit]:
        """The limits of a round trip for the limiter in the process."""
        first, *of_address = trip.limits
        numbers = trip.policy.on_failure.numbers(first.limits)
        asked = [AskedLimit(first.name, str(first.command.key), numbers)]
        for each in of_address:
            given = None if trip.policy.own_limits else self._settings.address_limits
            if given is None or isinstance(given, ServerPolicy):
                given = None if numbers is None else address_limits(numbers)
            asked.append(AskedLimit(each.name, str(each.command.key), given))
        return asked

    def fallback_of_address(self, request: HttpRequest, policy: Policy) -> AskedLimit:
        """The limit of a request of which only the address is known."""
        network = self._settings.address_client(request.address)
        numbers = policy.on_failure.numbers(policy.limits)
        return AskedLimit(policy.name, self._settings.keys.limit(network, policy.name), numbers)

    def audit(self, request: HttpRequest, state: LockWatchState, status: int, seconds: float) -> Command[str]:
        """The event of a request, for after its response."""
        user = state.key_text if state.user is None else state.user
        args: tuple[Arg, ...] = (
            "LW.AUDIT",
            *option("USER", None if user is None else shortened(str(user))),
            *option("IP", state.address),
            *option("METHOD", request.method_argument),
            *("ENDPOINT", shortened(request.path)),
            *(("STATUS", str(status)) if 100 <= status <= 599 else ()),
            *(("LIMITED",) if state.limited else ()),
            *(("ANOMALY",) if state.burst else ()),
            *("LATENCY", f"{seconds * 1000:.3f}ms"),
            *option("DATA", state.denial),
        )
        # LW.AUDIT has no key. In a cluster it goes to the node that holds the request's limit,
        # whose connection is open.
        return Command(args, text, self._settings.keys.limit(state.client, state.policy))
