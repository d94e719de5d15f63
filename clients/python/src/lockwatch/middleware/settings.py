"""The options of the middleware: every one, checked once, when the application is put together."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, TypedDict

from ..duration import Duration, argument, milliseconds
from ..errors import ConfigurationError
from ..limits import Limit, Limits, LimitsLike, limits_of
from ..link import breaker
from ..link.opening import COMMAND_TIMEOUT, CONNECT_TIMEOUT
from ..results import RateLimit
from .address import Proxies
from .answers import Answer
from .patterns import Pattern, strict
from .policy import DEFAULT, OnFailure, PolicyLike, Rule, check_prefix, rules
from .request import HttpRequest

KeyFunction: TypeAlias = Callable[[HttpRequest], "str | Awaitable[str | None] | None"]
PlanFunction: TypeAlias = Callable[[HttpRequest], "LimitsLike | Awaitable[LimitsLike | None] | None"]
DeniedFunction: TypeAlias = Callable[[HttpRequest, RateLimit], Answer]


class Options(TypedDict, total=False):
    """The options that both kinds of middleware take. The README has them in a table."""

    redis_url: str
    redis: Any
    redis_cluster: bool
    connect_timeout: float
    command_timeout: float
    breaker_timeouts: int
    breaker_seconds: float
    rate_limit_requests: int
    rate_limit_window_seconds: Duration
    limits: LimitsLike
    cost: int
    plan_func: PlanFunction
    key: Literal["address", "credential"]
    key_func: KeyFunction
    credential_header: str
    address_limits: LimitsLike
    key_prefix: str
    routes: Mapping[str, PolicyLike]
    exempt: Iterable[str]
    shadow: bool
    on_redis_failure: OnFailure
    on_denied: DeniedFunction
    burst_threshold: int | None
    burst_window_seconds: Duration
    burst_cooldown_seconds: Duration | None
    trusted_proxies: Iterable[str]
    forwarded_header: str
    audit: bool
    audit_queue_size: int
    log_interval_seconds: float


@dataclass(frozen=True, slots=True)
class BurstSettings:
    """What LW.BURST is asked."""

    threshold: str
    window: str
    cooldown: str | None


@dataclass(frozen=True, slots=True)
class Settings:
    """The options, checked and taken apart."""

    default: Rule
    routes: tuple[tuple[Pattern, Rule], ...]
    exempt: tuple[Pattern, ...]
    prefix: str
    credential_header: str | None
    """In lower case; None where requests are known by their address."""
    key_func: KeyFunction | None
    plan_func: PlanFunction | None
    on_denied: DeniedFunction | None
    burst: BurstSettings | None
    proxies: Proxies
    audit: bool
    audit_queue_size: int
    log_interval: float

    @classmethod
    def of(cls, options: Options) -> Settings:
        """Checks options, and raises ConfigurationError for what can't work."""
        if unknown := options.keys() - Options.__annotations__.keys():
            raise ConfigurationError(f"there is no option {', '.join(sorted(unknown))}")
        address_limits = options.get("address_limits")
        default = Rule(
            name=DEFAULT,
            limits=_default_limits(options),
            address_limits=None if address_limits is None else limits_of(address_limits),
            cost=options.get("cost", 1),
            on_failure=options.get("on_redis_failure", "allow"),
            shadow=options.get("shadow", False),
            own_limits=False,
        )
        prefix = options.get("key_prefix", "lw")
        check_prefix(prefix)
        return cls(
            default=default,
            routes=rules(options.get("routes", {}), default),
            exempt=tuple(strict(text) for text in options.get("exempt", ())),
            prefix=prefix,
            credential_header=_credential_header(options),
            key_func=options.get("key_func"),
            plan_func=options.get("plan_func"),
            on_denied=options.get("on_denied"),
            burst=_burst(options),
            proxies=Proxies(options.get("trusted_proxies", ()), options.get("forwarded_header", "X-Forwarded-For")),
            audit=options.get("audit", True),
            audit_queue_size=options.get("audit_queue_size", 10_000),
            log_interval=options.get("log_interval_seconds", 10.0),
        )


def client_options(options: Options) -> dict[str, Any]:
    """The options that are the client's."""
    given: dict[str, Any] = {
        "connect_timeout": options.get("connect_timeout", CONNECT_TIMEOUT),
        "command_timeout": options.get("command_timeout", COMMAND_TIMEOUT),
        "breaker_timeouts": options.get("breaker_timeouts", breaker.TIMEOUTS),
        "breaker_seconds": options.get("breaker_seconds", breaker.SECONDS),
        "cluster": options.get("redis_cluster", False),
    }
    return given


def client_source(options: Options) -> Any:  # noqa: ANN401  # what it may be is said by the client that it becomes
    """Where Redis is: one of `redis_url` and `redis`."""
    given = [options[name] for name in ("redis_url", "redis") if name in options]
    if len(given) != 1:
        raise ConfigurationError("give one of redis_url= and redis=, a client of redis-py or of lockwatch")
    return given[0]


def _default_limits(options: Options) -> Limits:
    if "limits" in options:
        return limits_of(options["limits"])
    window = milliseconds(options.get("rate_limit_window_seconds", 60))
    return (Limit(options.get("rate_limit_requests", 100), window),)


def _credential_header(options: Options) -> str | None:
    key = options.get("key", "address")
    if key not in ("address", "credential"):
        raise ConfigurationError(f"key is {key!r}, neither 'address' nor 'credential'; functions go into key_func")
    return options.get("credential_header", "Authorization").lower() if key == "credential" else None


def _burst(options: Options) -> BurstSettings | None:
    threshold = options.get("burst_threshold", 50)
    if not threshold:
        return None
    cooldown = options.get("burst_cooldown_seconds")
    return BurstSettings(
        str(threshold),
        argument(milliseconds(options.get("burst_window_seconds", 10)) / 1000),
        None if cooldown is None else argument(milliseconds(cooldown) / 1000),
    )
