"""Every option: ten wrong values, each an error at start that names it, and natural values."""

from __future__ import annotations

import dataclasses
import inspect
import ipaddress
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import redis
import redis.asyncio

import lockwatch
from lockwatch import (
    AsyncLockWatch,
    ConfigurationError,
    DeviceCookie,
    Limit,
    LockWatch,
    LockWatchMiddleware,
    LockWatchWSGIMiddleware,
    MiddlewareOptions,
    PolicyOptions,
    ServerPolicy,
    client_rules,
    device,
    fastapi,
    flask,
    guard_rules,
)
from lockwatch.http import option_rules
from lockwatch.http.route_limit import RouteLimitOptions
from lockwatch.testing import AsyncStub, Stub
from lockwatch.token import cookie as cookies
from lockwatch.token import option_rules as token_rules
from lockwatch.token.cookie import CookieOptions


async def asgi_app(_scope: Any, _receive: Any, _send: Any) -> None: ...


def wsgi_app(_environ: Any, _start_response: Any) -> list[bytes]:
    return []


async def asynchronous(*_: Any) -> str:
    return "x"


ALW = AsyncLockWatch(AsyncStub())
LW = LockWatch(Stub())
NAN, INFINITY = float("nan"), float("inf")
# Values of types that few options accept.
THINGS: list[Any] = [[], {}, object(), b"x", [[]], ("a", 1), {"a"}, NAN]
BOOLEANS: list[Any] = ["false", "true", "", 0, 1, 1.0, [], {}, object(), b""]
INTEGERS: list[Any] = ["1", "", -1, True, 1.5, NAN, INFINITY, [1], b"1", 1 << 80]
SECONDS: list[Any] = ["soon", "", -1, True, NAN, INFINITY, [1], b"1", 10**12, timedelta(0)]
LIMITS: list[Any] = [
    *("100/fortnight", "", "100", [], {"100/minute": 1}, [(100,)], [(-1, 60)], [(True, 60)], [(1, 0)]),
    *(b"ab", 100, [("100", 60)], object(), ["100/minute", 5], [(1, NAN)], [(1.5, 60)], ["5/hour"] * 9),
]
FUNCTIONS: list[Any] = ["f", 1, True, [], {}, str, b"f", lambda: "x", lambda _a, _b, _c: "x", object()]
NO_ARGUMENTS: list[Any] = [*(each for each in FUNCTIONS if not inspect.isfunction(each)), lambda _: "x", asynchronous]
TEXTS: list[Any] = ["", 1, True, *THINGS]
MODES: list[Any] = ["open", "", "ALLOW", True, False, 1, *THINGS]
CHALLENGES: list[Any] = ["ask", "", "Deny", True, False, 1, str, *THINGS]
HEADERS: list[Any] = ["X Forwarded", "X-A:", "", "é", "a\r\nb", "a,b", 1, *THINGS]
NAMES: list[Any] = ['a"b', "", "a\r\nb", "a" * 65, "a:b", "a b", 1, *THINGS]
PREFIXES: list[Any] = ["a{b}", "", "a b", "a\n", 1, True, *THINGS]
COSTS: list[Any] = [0, -1, 1 << 32, "1", 1.5, True, NAN, [1], b"1", {}]
STORES: list[Any] = ["", b"", 1, True, None, [], {}, object(), lambda _a, _b, _c: "x", str]
URLS: list[Any] = [
    *("localhost:6379", "http://localhost", "", "redis:/x", None, 7, b"redis://x", "redis://h:port", [], object()),
]
SOURCES: list[Any] = ["localhost:6379", "http://localhost", "", None, 7, b"redis://x", [], object(), True, Stub]

RESPONSE_HEADERS: list[Any] = [
    "draft-8",
    "",
    "Legacy",
    [],
    ["draft-7", "draft-11"],
    ["none", "legacy"],
    1,
    True,
    *THINGS,
]
BODIES: list[Any] = [
    *(
        "<p>",
        ["text/html"],
        {"html": "x"},
        {"text/*": "x"},
        {"": "x"},
        {"text/html\n": "x"},
        {1: "x"},
        {"text/html": 7},
    ),
    *({"text/html": b"x"}, {"text/html": lambda: "x"}, {"text/html": "x", "Text/HTML;q=1": "y"}, 1, True, object()),
]
LOCAL: dict[str, list[Any]] = {
    "local_share": [0, -0.5, 1.5, "1", True, NAN, INFINITY, [1], b"1", {}],
    "local_limits": ["@login", ServerPolicy("login"), *LIMITS],
}
CONNECTION: dict[str, list[Any]] = {
    "connect_timeout": [0, *SECONDS],
    "command_timeout": [0, *SECONDS],
    "breaker_timeouts": [0, *INTEGERS],
    "breaker_seconds": [0, *SECONDS],
    "service": NAMES,
}
CLIENT: dict[str, list[Any]] = {**CONNECTION, "on_event": [*FUNCTIONS, asynchronous]}
CHARGING: dict[str, list[Any]] = {
    "skip_successful": BOOLEANS,
    "skip_failed": BOOLEANS,
    "count_when": [*FUNCTIONS, asynchronous],
}
MIDDLEWARE: dict[str, list[Any]] = {
    **CONNECTION,
    **CHARGING,
    **LOCAL,
    "redis_url": URLS,
    "redis": SOURCES,
    "redis_cluster": BOOLEANS,
    "rate_limit_requests": INTEGERS,
    "rate_limit_window_seconds": [0, *SECONDS],
    "limits": LIMITS,
    "cost": COSTS,
    "plan_func": FUNCTIONS,
    "key": ["session", "", "Address", lambda _: "x", 1, *THINGS],
    "key_func": FUNCTIONS,
    "credential_header": HEADERS,
    "address_limits": LIMITS,
    "key_prefix": PREFIXES,
    "routes": [
        *("/a", ["/a"], 1, {"login": "5/s"}, {"/a": 5}, {"/a": None}, {1: "5/s"}, {"/a/**/b": "1/s"}, [("/a", "5/s")]),
        *({"/a": {"limit": "5/s"}}, {"/a": {"limits": None}}, {"/a": {"shadow": "false"}}, {"/a": {"cost": 0}}, True),
    ],
    "ipv4_prefix": [0, 7, 33, *INTEGERS],
    "ipv6_prefix": [0, 15, 129, *INTEGERS],
    "headers": RESPONSE_HEADERS,
    "error_bodies": BODIES,
    "exempt": ["/healthz", b"/a", ["healthz"], [1], {"/a": True}, 1, True, ["/a/**/b"], [""], [None], object()],
    "shadow": BOOLEANS,
    "on_redis_failure": MODES,
    "on_denied": FUNCTIONS,
    "burst_threshold": [0, *INTEGERS],
    "burst_window_seconds": [0, *SECONDS],
    "burst_cooldown_seconds": [0, *SECONDS],
    "guard": ["", b"", 1, True, [], {}, object(), ["site"], NAN, lambda _request: "site"],
    "challenge": [*CHALLENGES, lambda _: True],
    "trusted_proxies": [
        *("127.0.0.1", "unix", b"::1", True, 1, ["proxy.example"], [1], [""], ["10.0.0.0/33"], {"::1": 1}, [None]),
    ],
    "forwarded_header": HEADERS,
    "audit": BOOLEANS,
    "audit_queue_size": [0, *INTEGERS],
    "log_interval_seconds": SECONDS,
}
POLICY: dict[str, list[Any]] = {
    **CHARGING,
    **LOCAL,
    "limits": LIMITS,
    "cost": COSTS,
    "on_redis_failure": MODES,
    "shadow": BOOLEANS,
    "name": NAMES,
}
OWN_KEY: dict[str, list[Any]] = {"key": ["session", "", "Address", lambda _: "x", 1, *THINGS], "key_func": FUNCTIONS}
ROUTE_LIMIT: dict[str, list[Any]] = {
    **POLICY,
    "limits": [*LIMITS, None],
    "key": FUNCTIONS,
    "on_denied": FUNCTIONS,
    "key_prefix": PREFIXES,
    "headers": RESPONSE_HEADERS,
}
BEARER: dict[str, list[Any]] = {
    "store": STORES,
    "scopes": [[""], ["a b"], [1], [True], [None], [[]], [b"a"], [{}], [object()], ["a", ""]],
    "audience": TEXTS,
    "realm": ['a"b', "a\\b", "a\nb", None, *TEXTS],
}
ROUTES: dict[str, list[Any]] = {
    "store": STORES,
    "authenticate": [None, *FUNCTIONS],
    "prefix": ["auth", "/auth/", "/", "/a b", "auth/", None, 1, *THINGS],
    "access_ttl": SECONDS,
    "refresh_ttl": [each for each in SECONDS if each != timedelta(0)] + [[], {}],
    "meta": FUNCTIONS,
    "guard": ["login", True, 1, b"x", [], {}, object(), lockwatch.Guard(LW, "login", challenge="deny"), 0.5, str],
    "login_name": FUNCTIONS,
    "cookie": ["https://a.example", True, {"origins": []}, ["https://a.example"], 1, b"", CookieOptions, [], (), 0.5],
}
GUARD: dict[str, list[Any]] = {
    "key": ["", b"", 1, True, None, [], {}, object(), str, NAN],
    "challenge": [*CHALLENGES, None, lambda _a, _b, _c: True],
    "on_redis_failure": ["local", *MODES],
    "normalize": BOOLEANS,
    "password_digest_key": ["short", b"fifteen bytes!!", "", b"", 1, True, [], {}, object(), ["x" * 32]],
    "device_cookie": ["lw_device", True, 1, b"x", [], {}, object(), DeviceCookie, 0.5, ["lw_device"]],
}
DEVICE_COOKIE: dict[str, list[Any]] = {
    "name": ["a b", "a;b", "a=b", "", None, 1, *THINGS],
    "path": ["auth", "/a;b", "/a\n", "/é", "", None, 1, *THINGS],
    "domain": ["https://a.example", ".a.example", "a.example:443", "a", "127.0.0.1", "", "a.example\n", 1, *THINGS],
    "secure": [None, *BOOLEANS],
}
COOKIE: dict[str, list[Any]] = {
    "origins": ["https://a.example", b"x", [], (), None, 1, True, [1], [""], {"a": 1}, [None]],
    "name": ["a b", "a;b", "a=b", "", None, 1, *THINGS],
    "path": ["auth", "/a;b", "/a\n", "/é", "", 1, *THINGS],
    "domain": ["https://a.example", ".a.example", "a.example:443", "a", "127.0.0.1", "", "a.example\n", 1, *THINGS],
    "secure": [None, *BOOLEANS],
}


def asgi(options: Any) -> object:
    source = {} if {"redis", "redis_url"} & options.keys() else {"redis_url": "redis://localhost"}
    return LockWatchMiddleware(asgi_app, **{**source, **options})


def wsgi(options: Any) -> object:
    source = {} if {"redis", "redis_url"} & options.keys() else {"redis_url": "redis://localhost"}
    return LockWatchWSGIMiddleware(wsgi_app, **{**source, **options})


def policy(make: Callable[[Any], object]) -> Callable[[Any], object]:
    def call(options: Any) -> object:
        limits = {"limits": "5/minute"} if options.keys() & {"name", "key", "key_func"} else {}
        return make({"routes": {"/a": {**limits, **options}}})

    return call


def positional(make: Callable[..., object], first: str, default: object) -> Callable[[Any], object]:
    """Calls `make` with one of the options as its argument."""

    def call(options: Any) -> object:
        others = {name: value for name, value in options.items() if name != first}
        return make(options.get(first, default), **others)

    return call


def bearer(module: Any, client: object) -> Callable[[Any], object]:
    def call(options: Any) -> object:
        others = {name: value for name, value in options.items() if name not in ("store", "scopes")}
        return module.jwt_required(client, options.get("store", "auth"), *options.get("scopes", ()), **others)

    return call


def guard(kind: Any, client: object) -> Callable[[Any], object]:
    def call(options: Any) -> object:
        others = {name: value for name, value in options.items() if name != "key"}
        return kind(client, options.get("key", "login"), **{"challenge": "deny", **others})

    return call


def token_routes(make: Any, client: object, authenticate: object) -> Callable[[Any], object]:
    def call(options: Any) -> object:
        others = {name: value for name, value in options.items() if name != "store"}
        return make(client, options.get("store", "auth"), **{"authenticate": authenticate, **others})

    return call


Function = tuple[Callable[[Any], object], Any, dict[str, list[Any]]]
# What takes options: how it is called, its table of rules, and the wrong values.
TAKERS: dict[str, Function] = {
    "LockWatchMiddleware": (asgi, option_rules.ASGI, MIDDLEWARE),
    "LockWatchWSGIMiddleware": (wsgi, option_rules.WSGI, MIDDLEWARE),
    "a policy of ASGI": (policy(asgi), option_rules.ASGI_POLICY, {**POLICY, **OWN_KEY}),
    "a policy of WSGI": (
        policy(wsgi),
        option_rules.WSGI_POLICY,
        {**POLICY, **OWN_KEY, "key_func": [*FUNCTIONS, asynchronous]},
    ),
    "fastapi.limit": (
        positional(lambda limits, **more: fastapi.limit(ALW, limits, **more), "limits", "5/minute"),
        option_rules.ASYNC_ROUTE_LIMIT,
        ROUTE_LIMIT,
    ),
    "flask.limit": (
        positional(lambda limits, **more: flask.limit(LW, limits, **more), "limits", "5/minute"),
        option_rules.ROUTE_LIMIT,
        {**ROUTE_LIMIT, "key": NO_ARGUMENTS},
    ),
    "LockWatch": (
        positional(LockWatch, "source", Stub()),
        client_rules.LOCKWATCH,
        {**CLIENT, "source": SOURCES, "cluster": BOOLEANS},
    ),
    "AsyncLockWatch": (
        positional(AsyncLockWatch, "source", AsyncStub()),
        client_rules.ASYNC_LOCKWATCH,
        {**CLIENT, "source": SOURCES, "cluster": BOOLEANS},
    ),
    "fastapi.jwt_required": (
        bearer(fastapi, ALW),
        token_rules.ASYNC_BEARER,
        {**BEARER, "token_url": ["/a b", "/a\n", *TEXTS]},
    ),
    "flask.jwt_required": (bearer(flask, LW), token_rules.BEARER, BEARER),
    "token_router": (
        token_routes(fastapi.token_router, ALW, asynchronous),
        token_rules.ASYNC_ROUTES,
        ROUTES,
    ),
    "token_blueprint": (
        token_routes(flask.token_blueprint, LW, lambda: None),
        token_rules.ROUTES,
        {**ROUTES, "authenticate": NO_ARGUMENTS, "meta": NO_ARGUMENTS, "login_name": NO_ARGUMENTS},
    ),
    "Guard": (
        guard(lockwatch.Guard, LW),
        guard_rules.GUARD,
        {**GUARD, "challenge": [*GUARD["challenge"], asynchronous]},
    ),
    "Guard of an AsyncLockWatch": (guard(lockwatch.Guard, ALW), guard_rules.ASYNC_GUARD, GUARD),
    "fastapi.Guard": (
        guard(fastapi.Guard, ALW),
        guard_rules.FASTAPI_GUARD,
        {**GUARD, "key": [*GUARD["key"], asynchronous, lambda: "login"]},
    ),
    "flask.Guard": (
        guard(flask.Guard, LW),
        guard_rules.FLASK_GUARD,
        {**GUARD, "key": [*GUARD["key"], lambda _: "login"], "challenge": [*GUARD["challenge"], asynchronous]},
    ),
    "DeviceCookie": (lambda options: DeviceCookie(**options), device.DEVICE_COOKIE, DEVICE_COOKIE),
    "CookieOptions": (
        lambda options: CookieOptions(**{"origins": ["https://a.example"], **options}),
        cookies.COOKIE,
        COOKIE,
    ),
}
CASES = [(taker, option) for taker, (_, rules, _) in TAKERS.items() for option in rules]


@pytest.mark.parametrize(("taker", "option"), CASES)
def test_ten_wrong_values_of_every_option_are_errors_at_start_that_name_it(taker: str, option: str) -> None:
    make, _, wrong = TAKERS[taker]
    values = wrong[option]
    assert len(values) >= 10, f"{option} has too few wrong values"
    for value in values:
        with pytest.raises(ConfigurationError) as refused:
            print(f"accepted: {make({option: value})!r} with {option}={value!r}")
        assert option in str(refused.value), value
        assert "expected" in str(refused.value), value


@pytest.mark.parametrize("taker", TAKERS)
def test_an_unknown_option_is_an_error_that_names_it(taker: str) -> None:
    # Python itself names it for functions with a parameter for each option.
    with pytest.raises((ConfigurationError, TypeError), match="shadwo"):
        TAKERS[taker][0]({"shadwo": True})


@pytest.mark.parametrize("value", [None, ["https://alerts.example/hook"]])
@pytest.mark.parametrize(
    ("option", "now"),
    [
        ("webhook_urls", "lockwatch.webhook-urls, or, for URLs that are secrets, lockwatch.webhook-urls-file"),
        ("audit_database_url", "lockwatch.postgres-url-file"),
        ("alert_cooldown_seconds", "burst_cooldown_seconds"),
    ],
)
@pytest.mark.parametrize("make", [asgi, wsgi])
def test_an_option_of_lockwatch_0_1_is_an_error_that_says_where_it_is_set_now(
    make: Callable[[Any], object], option: str, now: str, value: object
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        make({option: value})
    assert option in str(refused.value)
    assert now in str(refused.value)
    assert "alerts.example" not in str(refused.value)
    with pytest.raises(ConfigurationError, match="there is no option"):
        make({"webhook_url": value})


def test_the_options_of_lockwatch_0_1_exist_or_have_moved() -> None:
    fastapi_options = "key_func burst_threshold burst_window_seconds webhook_urls audit_database_url on_redis_failure"
    flask_options = "burst_threshold burst_window_seconds webhook_urls alert_cooldown_seconds on_redis_failure"
    of_both = "redis_url rate_limit_requests rate_limit_window_seconds"
    for options, rules in ((fastapi_options, option_rules.ASGI), (flask_options, option_rules.WSGI)):
        assert {*options.split(), *of_both.split()} <= rules.keys() | option_rules.MOVED.keys()
    assert not option_rules.MOVED.keys() & option_rules.ASGI.keys()


def test_the_flask_name_of_the_middleware_is_an_alias() -> None:
    assert lockwatch.LockWatchFlaskMiddleware is LockWatchWSGIMiddleware
    assert lockwatch.wsgi.LockWatchFlaskMiddleware is LockWatchWSGIMiddleware


def test_the_tables_have_every_option() -> None:
    assert set(MiddlewareOptions.__annotations__) == set(option_rules.ASGI) == set(option_rules.WSGI)
    assert set(PolicyOptions.__annotations__) == set(option_rules.ASGI_POLICY) == set(option_rules.WSGI_POLICY)
    for rules in (option_rules.ROUTE_LIMIT, option_rules.ASYNC_ROUTE_LIMIT):
        assert {*RouteLimitOptions.__annotations__, "limits"} == set(rules)
    for client, rules in ((LockWatch, client_rules.LOCKWATCH), (AsyncLockWatch, client_rules.ASYNC_LOCKWATCH)):
        assert set(inspect.signature(client).parameters) == set(rules)
    for make, rules in (
        (fastapi.jwt_required, token_rules.ASYNC_BEARER),
        (flask.jwt_required, token_rules.BEARER),
        (fastapi.token_router, token_rules.ASYNC_ROUTES),
        (flask.token_blueprint, token_rules.ROUTES),
    ):
        assert set(inspect.signature(make).parameters) - {"lockwatch"} == set(rules)
    assert {each.name for each in dataclasses.fields(CookieOptions)} == set(cookies.COOKIE)
    assert {each.name for each in dataclasses.fields(DeviceCookie)} == set(device.DEVICE_COOKIE)
    for kind, rules in (
        (lockwatch.Guard, guard_rules.GUARD),
        (lockwatch.Guard, guard_rules.ASYNC_GUARD),
        (fastapi.Guard, guard_rules.FASTAPI_GUARD),
        (flask.Guard, guard_rules.FLASK_GUARD),
    ):
        assert set(inspect.signature(kind).parameters) - {"lockwatch"} == set(rules)


BOTH: list[dict[str, Any]] = [
    {"limits": ["100/minute", "5000/hour"]},
    {"limits": ("100/minute", (5000, 3600), Limit(9, 1000))},
    {"limits": (100, 60)},
    {"limits": [100, "1m"]},
    {"limits": Limit(1, 1000)},
    {"limits": "0/minute"},
    {"address_limits": ["1000/minute"]},
    {"rate_limit_requests": 10, "rate_limit_window_seconds": timedelta(minutes=1)},
    {"rate_limit_requests": 0},
    {"rate_limit_window_seconds": "90s"},
    {"rate_limit_window_seconds": 0.5},
    {"exempt": ("/healthz",)},
    {"exempt": {"/healthz", "GET /metrics"}},
    {"exempt": []},
    {"trusted_proxies": {"127.0.0.1", "::1", "unix"}},
    {"trusted_proxies": ["10.0.0.0/8", "10.0.0.1/8", ipaddress.ip_network("2001:db8::/32")]},
    {"burst_threshold": None, "burst_window_seconds": 60},
    {"burst_cooldown_seconds": None, "key_func": None, "plan_func": None, "on_denied": None, "limits": None},
    {"connect_timeout": timedelta(milliseconds=200), "command_timeout": "100ms", "breaker_seconds": 0.5},
    {"routes": {"POST /login": "5/minute", "/a": ["1/s", "5/m"], "/b": {"limits": (1, 60), "shadow": True}, "/c": {}}},
    {"routes": {"/a": {"cost": 20, "shadow": None}}},
    {"log_interval_seconds": 0},
    {"log_interval_seconds": "1m", "audit_queue_size": 1},
    {"key": "credential", "credential_header": "X-API-Key"},
    {"forwarded_header": "forwarded"},
    {"redis_url": "unix:///run/redis.sock"},
    {"redis_url": "rediss://user:p%40ss@host:6380/1?socket_timeout=5"},
    {"redis": "redis://localhost", "redis_cluster": False},
    {"plan_func": lambda _, plans=("1/s",): plans[0]},
    {"key_func": lambda *_: "x"},
    {"limits": "@login"},
    {"limits": ServerPolicy("login"), "skip_successful": True, "skip_failed": False, "count_when": None},
    {"limits": "@api", "key": "credential", "address_limits": "@address"},
    {"count_when": lambda response: response.status == 401},
    {"guard": "site"},
    {"guard": b"site:{tenant7}", "challenge": "deny"},
    {"guard": "site", "challenge": lambda _request, _result: True},
    {"guard": None, "challenge": None},
    {"skip_failed": True, "routes": {"/a": {"skip_successful": True}, "/b": {"limits": ["@b"], "skip_failed": False}}},
]


@pytest.mark.parametrize("options", BOTH, ids=str)
@pytest.mark.parametrize("make", [asgi, wsgi])
def test_natural_values_work(make: Callable[[Any], object], options: Any) -> None:
    assert make(options)


def test_a_generator_of_limits_is_read_once() -> None:
    assert wsgi({"limits": (each for each in ["100/minute"])})


def test_natural_values_of_functions_work() -> None:
    fastapi.limit(ALW, ["5/minute"], key=asynchronous, name=None, cost=2)  # type: ignore[arg-type]
    flask.limit(LW, (5, 60), key=lambda: "x", shadow=True)
    assert fastapi.jwt_required(ALW, b"auth", "a", audience=None)
    assert fastapi.token_router(ALW, lambda _: "auth", authenticate=asynchronous, prefix="", refresh_ttl=0)
    assert flask.token_blueprint(LW, "auth", authenticate=lambda: None, access_ttl="15m", refresh_ttl=timedelta(days=1))
    assert CookieOptions({"https://a.example"}, path="/")
    assert lockwatch.Guard(ALW, "login", challenge=asynchronous, password_digest_key=b"x" * 16, device_cookie=None)
    guarded = fastapi.Guard(ALW, lambda _request: "login", challenge=lambda _request, _result: True)
    assert fastapi.token_router(ALW, "auth", authenticate=asynchronous, guard=guarded, login_name=asynchronous)
    assert DeviceCookie("__Host-device")
    assert LockWatch("redis://localhost", connect_timeout="200ms", breaker_timeouts=1)  # type: ignore[arg-type]
    assert LockWatch(redis.Redis())
    assert AsyncLockWatch(redis.asyncio.Redis())


TOGETHER: list[tuple[dict[str, Any], str]] = [
    ({"limits": "5/s", "rate_limit_requests": 5}, "limits and rate_limit_requests are both given"),
    ({"limits": "5/s", "rate_limit_window_seconds": 5}, "limits and rate_limit_window_seconds are both given"),
    ({"redis_url": "redis://a", "redis": "redis://b"}, "redis_url and redis are both given"),
    ({"skip_successful": True, "skip_failed": True}, "skip_successful and skip_failed are given together"),
    ({"skip_failed": True, "count_when": lambda _: True}, "skip_failed and count_when are given together"),
    (
        {"routes": {"/a": {"skip_successful": True, "count_when": lambda _: True}}},
        "skip_successful and count_when of the policy of '/a' are given together",
    ),
    ({"challenge": "deny"}, "challenge is given without guard"),
    ({"limits": "@login; 5/minute"}, "mixes a policy of the server with other limits"),
    ({"limits": "@api", "key": "credential"}, "give the middleware address_limits"),
    ({"routes": {"/a": {"limits": "@a", "key": "credential"}}}, "the limits '@a' count by credential"),
]


@pytest.mark.parametrize(("options", "message"), TOGETHER)
@pytest.mark.parametrize("make", [asgi, wsgi])
def test_options_that_exclude_each_other(make: Callable[[Any], object], options: Any, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        make(options)


@pytest.mark.parametrize(("make", "client"), [(asgi, ALW), (wsgi, LW)])
def test_options_of_the_client_belong_to_the_client(make: Callable[[Any], object], client: object) -> None:
    for name in client_rules.CONNECTION:
        with pytest.raises(ConfigurationError, match=f"^{name} "):
            make({"redis": client, name: "shop" if name == "service" else 1})
    with pytest.raises(ConfigurationError, match="redis_cluster is for a URL"):
        make({"redis": client, "redis_cluster": True})
    with pytest.raises(ConfigurationError, match="redis_url is missing"):
        LockWatchMiddleware(asgi_app)


def test_a_device_cookie_that_browsers_would_refuse_is_an_error() -> None:
    for options in ({"secure": False}, {"path": "/login"}, {"domain": "example.com"}):
        with pytest.raises(ConfigurationError, match="browsers"):
            DeviceCookie("__Host-device", **options)


@pytest.mark.parametrize(("make", "client"), [(fastapi.Guard, LW), (flask.Guard, ALW), (lockwatch.Guard, "login")])
def test_a_guard_needs_a_client_of_its_kind(make: Any, client: object) -> None:
    with pytest.raises(ConfigurationError, match="LockWatch"):
        make(client, "login", challenge="deny")


def test_token_routes_need_a_guard_of_their_framework() -> None:
    other = flask.Guard(LW, "login", challenge="deny")
    with pytest.raises(ConfigurationError, match="same framework"):
        fastapi.token_router(ALW, "auth", authenticate=asynchronous, guard=other)  # type: ignore[arg-type]


def test_no_password_in_an_error() -> None:
    with pytest.raises(ConfigurationError) as refused:
        lockwatch.Guard(LW, "login", challenge="deny", password_digest_key="s3cret")
    assert "s3cret" not in str(refused.value)
    for make in (asgi, wsgi):
        with pytest.raises(ConfigurationError) as refused:
            make({"redis_url": "rediss://user:s3cret@host:port"})
        assert "s3cret" not in str(refused.value)
