"""The options of the middleware, checked when it is made, so that mistakes fail at start-up."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, TypedDict, cast

from ..aio import AsyncLockWatch
from ..client import LockWatch
from ..client_rules import CONNECTION
from ..duration import Duration, duration_argument, milliseconds
from ..errors import ConfigurationError
from ..failure_log import INTERVAL
from ..limits import Limit, Limits, ParsedLimits, address_limits, parse_limits
from ..ratelimit import DEFAULT_HEADERS, HeaderKind, RateLimitResult
from ..redis.connection import Key
from ..rules import Rules, read_options, refuse_both
from .address import Address, AddressPrefixes
from .bodies import ErrorBodies, ErrorBody
from .charging import CountWhen, charging_of
from .exempt import ExemptClients
from .fallback import FailureMode, on_failure_of
from .keys import Keys, address_clients
from .option_rules import MOVED
from .policies import DEFAULT, Policies, Policy, PolicyOptions, policy_key
from .request import HttpRequest, KeyFunction
from .site_guard import SiteChallenge
from .trusted_proxies import TrustedProxies

PlanFunction: TypeAlias = Callable[[HttpRequest], "Limits | Awaitable[Limits | None] | None"]
CostFunction: TypeAlias = Callable[[HttpRequest], "int | Awaitable[int]"]
# Returns a Reply, or a dict, a text or a tuple as Flask takes it. May be asynchronous under ASGI.
OnDenied: TypeAlias = Callable[[HttpRequest, RateLimitResult], Any]


class MiddlewareOptions(TypedDict, total=False):
    """The options of both kinds of middleware. The README describes them."""

    redis_url: str
    redis: Any
    redis_cluster: bool
    service: str
    connect_timeout: float
    command_timeout: float
    breaker_timeouts: int
    breaker_seconds: float
    rate_limit_requests: int
    rate_limit_window_seconds: Duration
    limits: Limits | PlanFunction
    cost: int | CostFunction
    plan_func: PlanFunction
    key: Literal["address", "credential"]
    key_func: KeyFunction
    credential_header: str
    address_limits: Limits
    key_prefix: str
    routes: Mapping[str, PolicyOptions | Limits]
    exempt: Iterable[str]
    ipv4_prefix: int
    ipv6_prefix: int
    headers: HeaderKind | Iterable[HeaderKind]
    shadow: bool
    on_redis_failure: FailureMode
    local_share: float
    local_limits: str
    on_denied: OnDenied
    error_bodies: Mapping[str, ErrorBody]
    skip_successful: bool
    skip_failed: bool
    count_when: CountWhen
    burst_threshold: int | None
    burst_window_seconds: Duration
    burst_cooldown_seconds: Duration | None
    guard: Key
    challenge: SiteChallenge
    trusted_proxies: Iterable[str]
    forwarded_header: str
    audit: bool
    audit_queue_size: int
    log_interval_seconds: float


@dataclass(frozen=True, slots=True)
class Settings:
    """The options after they are checked and parsed."""

    policies: Policies
    address_limits: ParsedLimits | None
    """What an address may spend under the default policy; None for ten times the limits."""
    keys: Keys
    credential_header: str
    """In lower case."""
    plan_func: PlanFunction | None
    plan_option: str
    """The option that `plan_func` was given as."""
    on_denied: OnDenied | None
    error_bodies: ErrorBodies
    exempt_clients: ExemptClients
    prefixes: AddressPrefixes
    address_client: Callable[[Address | None], str]
    """The client that an address counts as by these prefixes."""
    header_kinds: tuple[HeaderKind, ...]
    burst_arguments: tuple[str, ...] | None
    """Threshold, window and cooldown of LW.BURST; None if bursts are off."""
    guard: Key | None
    """The key of the guard that every request is checked by."""
    challenge: SiteChallenge
    proxies: TrustedProxies
    audit: bool
    audit_queue_size: int
    log_interval: float

    @classmethod
    def of(cls, options: MiddlewareOptions) -> Settings:
        """Parses options that `read_middleware_options` returned."""
        limits = _default_limits(options)
        default = Policy(
            name=DEFAULT,
            limits=limits,
            cost=options.get("cost", 1),
            on_failure=on_failure_of(options, "", None if callable(options.get("limits")) else limits),
            shadow=options.get("shadow", False),
            own_limits=False,
            charging=charging_of(options, ""),
            **policy_key("", options.get("key"), options.get("key_func")),
        )
        own_address_limits = options.get("address_limits")
        if default.by_credential and own_address_limits is None:
            # Raises for a policy of the server.
            address_limits(default.limits)
        # The rule of `routes` has made every policy a mapping.
        routes = cast("Mapping[str, PolicyOptions]", options.get("routes", {}))
        client = _client(options)
        prefixes = AddressPrefixes(options.get("ipv4_prefix", 32), options.get("ipv6_prefix", 64))
        return cls(
            policies=Policies(default, routes, options.get("exempt", ())),
            address_limits=None if own_address_limits is None else parse_limits(own_address_limits),
            keys=Keys(options.get("key_prefix"), client.service if client else options.get("service")),
            credential_header=options.get("credential_header", "Authorization").lower(),
            plan_func=_plan_function(options),
            plan_option="plan_func" if "plan_func" in options else "limits",
            on_denied=options.get("on_denied"),
            error_bodies=ErrorBodies(options.get("error_bodies", {})),
            exempt_clients=ExemptClients(options.get("exempt", ())),
            prefixes=prefixes,
            address_client=address_clients(prefixes),
            header_kinds=cast("tuple[HeaderKind, ...]", options.get("headers", DEFAULT_HEADERS)),
            burst_arguments=_burst_arguments(options),
            guard=options.get("guard"),
            challenge=options.get("challenge", "allow"),
            proxies=TrustedProxies(
                options.get("trusted_proxies", ()), options.get("forwarded_header", "X-Forwarded-For")
            ),
            audit=options.get("audit", True),
            audit_queue_size=options.get("audit_queue_size", 10_000),
            log_interval=options.get("log_interval_seconds", INTERVAL),
        )


def read_middleware_options(options: MiddlewareOptions, rules: Rules) -> MiddlewareOptions:
    """The options that are given, each as its rule parses it.

    Raises ConfigurationError for what cannot work.
    """
    for name in options:
        if name in MOVED:
            raise ConfigurationError(f"{name} was an option of lockwatch 0.1, and is none now: {MOVED[name]}")
    given = read_options(options, rules)
    # A function may return None, and then these two apply.
    if not callable(given.get("limits")):
        refuse_both(given, "limits", "rate_limit_requests", "write limits='100/minute' alone")
        refuse_both(given, "limits", "rate_limit_window_seconds", "write limits='100/minute' alone")
    if "challenge" in given and "guard" not in given:
        raise ConfigurationError("challenge is given without guard: write guard='site' too, the key of a guard")
    refuse_both(given, "redis_url", "redis", "write redis_url='redis://localhost:6379' alone, or redis=client alone")
    if given.get("redis_cluster") and not isinstance(given.get("redis_url", given.get("redis")), str):
        raise ConfigurationError("redis_cluster is for a URL: a client in redis= knows whether it is a cluster's")
    if (client := _client(given)) is not None:
        kind = "LockWatch" if isinstance(client, LockWatch) else "AsyncLockWatch"
        for name in given:
            if name in CONNECTION:
                raise ConfigurationError(f"{name} and a {kind} are both given: write {kind}(…, {name}=…)")
    return cast("MiddlewareOptions", given)


def client_options(options: MiddlewareOptions) -> dict[str, Any]:
    """The options that belong to the client, which the middleware makes."""
    given: dict[str, Any] = {name: value for name, value in options.items() if name in CONNECTION}
    return {**given, "cluster": options.get("redis_cluster", False)}


def client_source(options: MiddlewareOptions) -> Any:  # noqa: ANN401  # checked by the client that is made of it
    """Where Redis is: `redis_url` or `redis`."""
    given = [options[name] for name in ("redis_url", "redis") if name in options]
    if not given:
        raise ConfigurationError("redis_url is missing: write redis_url='redis://localhost:6379', or redis=client")
    return given[0]


def _default_limits(options: MiddlewareOptions) -> ParsedLimits:
    limits = options.get("limits")
    if "limits" in options and not callable(limits):
        return parse_limits(limits)  # type: ignore[arg-type]  # what is no limit is an error there
    window = milliseconds(options.get("rate_limit_window_seconds", 60))
    return (Limit(options.get("rate_limit_requests", 100), window),)


def _plan_function(options: MiddlewareOptions) -> PlanFunction | None:
    limits = options.get("limits")
    if not callable(limits):
        return options.get("plan_func")
    if options.get("plan_func") is not None:
        raise ConfigurationError("limits is a function, and plan_func is given too: they mean the same, so give one")
    return limits


def _client(options: Mapping[str, Any]) -> LockWatch | AsyncLockWatch | None:
    """The client that `redis` is, if it is one of lockwatch."""
    source = options.get("redis")
    return source if isinstance(source, (LockWatch, AsyncLockWatch)) else None


def _burst_arguments(options: MiddlewareOptions) -> tuple[str, ...] | None:
    threshold = options.get("burst_threshold", 50)
    if not threshold:
        return None
    window = duration_argument(milliseconds(options.get("burst_window_seconds", 10)))
    cooldown = options.get("burst_cooldown_seconds")
    if cooldown is None:
        return (str(threshold), window)
    return (str(threshold), window, "COOLDOWN", duration_argument(milliseconds(cooldown)))
