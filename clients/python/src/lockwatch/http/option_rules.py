"""The rules for the options of the middleware, of its policies, and of `limit`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Any

from ..aio import AsyncLockWatch
from ..client import LockWatch
from ..client_rules import CONNECTION, REDIS_URL, redis_source
from ..guard_rules import CHALLENGE as GUARD_CHALLENGE
from ..guard_rules import KEY as GUARD_KEY
from ..limits import parse_limits, parse_numbers
from ..rules import (
    BOOLEAN,
    COST,
    DURATION,
    INTERVAL,
    KEY_PREFIX,
    NAME,
    Rule,
    Rules,
    expect,
    function,
    header_name,
    integer,
    later_function,
    number_above_0,
    one_of,
    or_function,
    read_options,
    synchronous,
    texts,
)
from .exempt import check_exempt
from .pattern import lenient_pattern
from .response_rules import HEADERS, error_bodies_rule
from .trusted_proxies import check_proxy

_MAX_LIMIT = (1 << 53) - 1
ADDRESSES = (str, IPv4Address, IPv4Network, IPv6Address, IPv6Network)

LIMITS = Rule("limits like '100/minute; 5000/hour', [(100, 60), (5000, 3600)] or '@login'", parse_limits)
LIMITS_OR_FUNCTION = or_function(LIMITS, function(1, "a function of the request that returns them"))
COST_OR_FUNCTION = or_function(COST, function(1, "a function of the request that returns it"))
FAILURE_MODE = one_of("allow", "deny", "local")
LOCAL: Rules = {
    "local_share": number_above_0(1),
    "local_limits": Rule("limits like '100/minute; 5000/hour'", parse_numbers),
}
KEY = one_of("address", "credential", hint="; a function goes into key_func")
KEY_FUNCTION = function(1, "a function of the request: lambda request: request.header('x-account') or ADDRESS")
CHARGING: Rules = {
    "skip_successful": BOOLEAN,
    "skip_failed": BOOLEAN,
    "count_when": later_function("a function of the response: lambda response: response.status == 401"),
}

ASGI_POLICY: Rules = {
    "limits": replace(LIMITS, expected=f"{LIMITS.expected}; a function goes into limit(lw, function) on the route"),
    "cost": COST_OR_FUNCTION,
    "on_redis_failure": FAILURE_MODE,
    **LOCAL,
    "shadow": BOOLEAN,
    "name": NAME,
    "key": KEY,
    "key_func": KEY_FUNCTION,
    **CHARGING,
}
WSGI_POLICY: Rules = {
    **ASGI_POLICY,
    "cost": synchronous(COST_OR_FUNCTION),
    "key_func": synchronous(KEY_FUNCTION),
}


def _routes(rules: Rules) -> Rule:
    def parse(value: Any) -> dict[str, dict[str, Any]]:  # noqa: ANN401
        expect(isinstance(value, Mapping))
        return {pattern: _policy(pattern, policy, rules) for pattern, policy in value.items()}

    return Rule("patterns and their policies, like {'POST /login': '5/minute'}", parse)


def _policy(pattern: Any, policy: Any, rules: Rules) -> dict[str, Any]:  # noqa: ANN401
    expect(isinstance(pattern, str))
    lenient_pattern(pattern)
    options = policy if isinstance(policy, Mapping) else {"limits": policy}
    expect(options.get("limits", "") is not None)
    return read_options(options, rules, f" of routes[{pattern!r}]")


_MIDDLEWARE: Rules = {
    "redis_url": REDIS_URL,
    "redis_cluster": BOOLEAN,
    **CONNECTION,
    "rate_limit_requests": integer(0, _MAX_LIMIT, 100),
    "rate_limit_window_seconds": DURATION,
    "limits": LIMITS_OR_FUNCTION,
    "cost": COST_OR_FUNCTION,
    "plan_func": function(1, "a function of the request: lambda request: '1000/hour'"),
    "key": KEY,
    "key_func": KEY_FUNCTION,
    "credential_header": header_name("Authorization"),
    "address_limits": LIMITS,
    "key_prefix": KEY_PREFIX,
    "routes": _routes(ASGI_POLICY),
    "exempt": texts(
        check_exempt, "a list of patterns and addresses, like ['/healthz', '/static/**', '10.0.0.0/8']", kinds=ADDRESSES
    ),
    "ipv4_prefix": integer(8, 32, 24),
    "ipv6_prefix": integer(16, 128, 56),
    "headers": HEADERS,
    "shadow": BOOLEAN,
    "on_redis_failure": FAILURE_MODE,
    **LOCAL,
    "on_denied": function(2, "a function of the request and the result that returns a Reply"),
    "error_bodies": error_bodies_rule(asynchronous=True),
    **CHARGING,
    # None turns bursts off.
    "burst_threshold": Rule(
        "an integer from 1, like 50, or None for no detection of bursts",
        lambda value: None if value is None else integer(1, _MAX_LIMIT, 50).parse(value),
        required=True,
    ),
    "burst_window_seconds": DURATION,
    "burst_cooldown_seconds": DURATION,
    "guard": replace(GUARD_KEY, required=False),
    "challenge": or_function(
        GUARD_CHALLENGE,
        function(2, "a function of the request and the result that returns whether the client has passed a challenge"),
    ),
    "trusted_proxies": texts(
        check_proxy,
        "a list of addresses, networks and 'unix', like ['127.0.0.1', '10.0.0.0/8']",
        kinds=ADDRESSES,
    ),
    "forwarded_header": header_name("X-Forwarded-For"),
    "audit": BOOLEAN,
    "audit_queue_size": integer(1, 1_000_000_000, 10_000),
    "log_interval_seconds": INTERVAL,
}
# Options that the middleware of lockwatch 0.1 took, and where each is set now.
MOVED: Mapping[str, str] = {
    "webhook_urls": "the module sends alerts: set its directive lockwatch.webhook-urls, or, for URLs that are secrets, "
    "lockwatch.webhook-urls-file",
    "audit_database_url": "the module writes the audit log to Postgres: put the URL into a file, and set the module's "
    "directive lockwatch.postgres-url-file to its path",
    "alert_cooldown_seconds": "it is called burst_cooldown_seconds",
}

ASGI: Rules = {**_MIDDLEWARE, "redis": redis_source(AsyncLockWatch, asynchronous=True)}
WSGI: Rules = {
    **_MIDDLEWARE,
    **{
        name: synchronous(_MIDDLEWARE[name])
        for name in ("limits", "cost", "plan_func", "key_func", "on_denied", "challenge")
    },
    "error_bodies": error_bodies_rule(asynchronous=False),
    "routes": _routes(WSGI_POLICY),
    "redis": redis_source(LockWatch, asynchronous=False),
}

_ROUTE_LIMIT: Rules = {
    "name": NAME,
    "shadow": BOOLEAN,
    "on_redis_failure": FAILURE_MODE,
    **LOCAL,
    "headers": HEADERS,
    "on_denied": function(1, "a function of the result that returns a Reply"),
    "key_prefix": KEY_PREFIX,
    **CHARGING,
}
ASYNC_ROUTE_LIMIT: Rules = {
    "limits": replace(LIMITS_OR_FUNCTION, required=True),
    **_ROUTE_LIMIT,
    "cost": COST_OR_FUNCTION,
    "key": function(1, "a function of the request: lambda request: request.state.user"),
}
_LIMITS_OR_FUNCTION = or_function(LIMITS, function(0, "a function without arguments that returns them"))
_COST_OR_FUNCTION = or_function(COST, function(0, "a function without arguments that returns it"))
ROUTE_LIMIT: Rules = {
    "limits": replace(synchronous(_LIMITS_OR_FUNCTION), required=True),
    **_ROUTE_LIMIT,
    "cost": synchronous(_COST_OR_FUNCTION),
    "on_denied": synchronous(_ROUTE_LIMIT["on_denied"]),
    "key": synchronous(function(0, "a function without arguments: lambda: current_user.id")),
}
