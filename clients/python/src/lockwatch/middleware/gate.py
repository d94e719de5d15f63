"""What is asked of Redis for a request, and what the replies come to."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from .. import replies as reading
from ..commands import limiter_call
from ..errors import LockWatchError, ModuleMissing, RedisAway
from ..limits import Limits
from ..link import Arg, Call, Reply
from ..results import RateLimit
from .address import client_key
from .complaints import Complaints
from .identity import of_credential, of_key
from .patterns import has_dots, tidied
from .policy import Rule
from .request import HttpRequest
from .settings import BurstSettings, Settings
from .state import State

# A credential that nobody has verified yet is cheap to make up: its address may spend this many times the limits.
_ADDRESS_TIMES = 10
_MOST = (1 << 53) - 1


@dataclass(frozen=True, slots=True)
class Asked:
    """The calls for a request; those of limits come first, each with its limits and their name."""

    rule: Rule
    state: State
    calls: tuple[Call, ...]
    limits: tuple[tuple[Limits, str], ...]


class Gate:
    """The decisions, without any input or output."""

    def __init__(self, settings: Settings, complaints: Complaints) -> None:
        self._settings = settings
        self._complaints = complaints

    def rule_for(self, method: str, paths: Collection[str], exempt: Collection[str]) -> Rule | None:
        """The rule for a request, or None for one that is left alone.

        A policy is met by any of the paths; exempt is only what each of those for that says is.
        """
        settings = self._settings
        # Where the server leaves its case alone, frameworks may not.
        method = method.upper()
        if settings.exempt and all(self._is_exempt(method, path) for path in exempt):
            return None
        if settings.routes:
            tidy = {tidied(path) for path in paths}
            for pattern, rule in settings.routes:
                if any(pattern.matches(method, path) for path in tidy):
                    return rule
        return settings.default

    def _is_exempt(self, method: str, path: str) -> bool:
        return not has_dots(path) and any(pattern.matches(method, path) for pattern in self._settings.exempt)

    def ask(self, request: HttpRequest, rule: Rule, key: str | None, plan: Limits | None) -> Asked:
        """The calls for a request: a key function's answer and a plan function's are in already."""
        settings = self._settings
        limits = rule.limits if plan is None else plan
        address = client_key(request.address)
        named = of_key(key)
        client = named or self._credential(request) or address
        state = State(rule.name, client, None if request.address is None else str(request.address), rule.shadow)
        calls = [self._limiter(client, rule.name, limits, rule.cost)]
        asked = [(limits, rule.name)]
        counted = client
        if named is None and client is not address:
            # Not verified: the burst is counted for what can't be made up.
            counted = address
            theirs = rule.address_limits or ten_times(limits)
            calls.append(self._limiter(address, f"{rule.name}:unverified", theirs, rule.cost))
            asked.append((theirs, f"{rule.name}-unverified"))
        if settings.burst is not None:
            calls.append(self._burst(settings.burst, counted, request, state.address))
        return Asked(rule, state, tuple(calls), tuple(asked))

    def _credential(self, request: HttpRequest) -> str | None:
        header = self._settings.credential_header
        value = None if header is None else request.header(header)
        return None if header is None or value is None else of_credential(header, value)

    def _limiter(self, client: str, policy: str, limits: Limits, cost: int) -> Call:
        return limiter_call("LW.RATELIMIT", f"{self._settings.prefix}:{{{client}}}:{policy}", limits, cost)

    def _burst(self, burst: BurstSettings, client: str, request: HttpRequest, ip: str | None) -> Call:
        key = f"{self._settings.prefix}:{{{client}}}:burst"
        args: list[Arg] = ["LW.BURST", key, burst.threshold, burst.window]
        if burst.cooldown is not None:
            args += ("COOLDOWN", burst.cooldown)
        if ip is not None:
            args += ("IP", ip)
        args += ("ENDPOINT", request.path)
        if (method := request.method_token) is not None:
            args += ("METHOD", method)
        if (agent := request.header("user-agent")) is not None:
            args += ("AGENT", agent.encode("latin-1", "replace"))
        return Call(tuple(args), key)

    def judge(self, asked: Asked, replies: Sequence[Reply]) -> bool:
        """Writes into the state what Redis said; returns whether the request goes on to the application."""
        verdicts: list[RateLimit] = []
        for (limits, name), reply in zip(asked.limits, replies, strict=False):
            if isinstance(reply, LockWatchError):
                return self.fail(asked, reply)
            try:
                verdicts.append(reading.rate_limit(reply, limits, name))
            except ModuleMissing as error:
                return self.fail(asked, error)
        state = asked.state
        if len(replies) > len(verdicts):
            found = replies[len(verdicts)]
            try:
                state.burst = None if isinstance(found, LockWatchError) else reading.burst(found)
            except ModuleMissing as error:
                found = error
            if isinstance(found, LockWatchError):
                self._complaints.about(f"burst: {found.code}", f"bursts are not counted: {found}")
        state.rate_limit = binding(verdicts)
        state.limited = not state.rate_limit.allowed
        return not state.limited or asked.rule.shadow

    def fail(self, asked: Asked, error: LockWatchError) -> bool:
        """Writes into the state that Redis did not say; returns whether the request goes on all the same."""
        asked.state.failure = error.reason if isinstance(error, RedisAway) else error.code.lower()
        goes_on = asked.rule.shadow or asked.rule.on_failure == "allow"
        done = "requests are let through without a limit" if goes_on else "requests are answered 503"
        self._complaints.about(asked.state.failure, f"{done}: {error}")
        return goes_on

    def audit(self, request: HttpRequest, state: State, status: int, seconds: float) -> Call:
        """The event that is recorded once the response is out."""
        args: list[Arg] = ["LW.AUDIT"]
        if state.user is not None:
            args += ("USER", str(state.user))
        if state.address is not None:
            args += ("IP", state.address)
        if (method := request.method_token) is not None:
            args += ("METHOD", method)
        args += ("ENDPOINT", request.path)
        if 100 <= status <= 599:
            args += ("STATUS", str(status))
        if state.limited:
            args.append("LIMITED")
        if state.burst:
            args.append("ANOMALY")
        args += ("LATENCY", f"{seconds * 1000:.3f}ms")
        if state.limited and state.shadow:
            args += ("DATA", '{"shadow":true}')
        # The key is for the way alone: the node that has the request's limit has an open connection.
        return Call(tuple(args), f"{self._settings.prefix}:{{{state.client}}}:{state.policy}")


def binding(verdicts: Sequence[RateLimit]) -> RateLimit:
    """Of several limits the one to tell of: the longest wait, never above all; the first where nobody waits longer."""
    return max(verdicts, key=lambda verdict: float("inf") if verdict.never else float(verdict.retry_after_ms))


def ten_times(limits: Limits) -> Limits:
    """The limits of an address whose credentials nobody has verified."""
    return tuple(replace(pair, limit=min(pair.limit * _ADDRESS_TIMES, _MOST)) for pair in limits)
