"""The page of the Python client, compared with the package."""

from __future__ import annotations

import ast
import dataclasses
import functools
import inspect
import re
import typing
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

import lockwatch
import lockwatch.fastapi
import lockwatch.flask
import lockwatch.testing
import pytest
from lockwatch import client_rules, errors, guard_rules, stats
from lockwatch.http import option_rules
from lockwatch.http.options import Settings, read_middleware_options
from lockwatch.http.route_limit import RouteLimitOptions, route_limit
from lockwatch.token import cookie
from lockwatch.token import option_rules as token_rules

import reference_pages
from reference_pages import code, codes, page, table, tables

PAGE = page("python.md")
listed = functools.partial(reference_pages.listed, PAGE)
REDIS = {"redis_url": "redis://localhost"}
CLIENT = lockwatch.AsyncLockWatch("redis://localhost")


def signature(function: Callable[..., Any]) -> str:
    """The parameters of a function or method as the page writes them."""
    parameters = inspect.signature(function).parameters.values()
    plain = [each.replace(annotation=inspect.Parameter.empty) for each in parameters if each.name != "self"]
    return str(inspect.Signature(plain))


def default(cell: str) -> object:
    """The value of a default. Raises if the cell has none."""
    return ast.literal_eval(code(cell))


@pytest.mark.parametrize("name", lockwatch.__all__)
def test_every_public_name_is_on_the_page(name: str) -> None:
    assert re.search(rf"`{name}[`(]", PAGE), name


@pytest.mark.parametrize(
    ("heading", "package"), [("FastAPI", lockwatch.fastapi), ("Flask", lockwatch.flask)], ids=["fastapi", "flask"]
)
def test_a_framework_has_its_names_with_their_parameters(heading: str, package: ModuleType) -> None:
    rows = listed(heading, "name")
    assert sorted(name.partition("(")[0] for name in rows) == sorted(package.__all__)
    for written in rows:
        name, bracket, _ = written.partition("(")
        if bracket:
            assert written == name + signature(getattr(package, name))


def methods(kind: type[Any]) -> dict[str, Callable[..., Any]]:
    return {name: each for name, each in vars(kind).items() if callable(each) and not name.startswith("_")}


def test_every_method_of_a_client_has_its_parameters() -> None:
    rows = {written.partition("(")[0]: written for written in listed("Methods", "method")}
    synchronous, asynchronous = methods(lockwatch.LockWatch), methods(lockwatch.AsyncLockWatch)
    assert set(synchronous) == set(rows)
    assert set(asynchronous) - {"aclose"} == set(rows) - {"close"}
    assert "`AsyncLockWatch`: `aclose()`" in PAGE
    for name, written in rows.items():
        assert written == name + signature(synchronous[name])
        assert name == "close" or written == name + signature(asynchronous[name])


def same(one: Settings, other: Settings) -> bool:
    """Whether two settings are equal, functions excepted."""
    return parts(one) == parts(other)


def parts(settings: Settings) -> dict[str, Any]:
    found = {each.name: getattr(settings, each.name) for each in dataclasses.fields(settings)}
    for function in ("on_denied", "address_client"):
        found.pop(function)
    for name in ("policies", "keys", "proxies", "error_bodies", "exempt_clients"):
        found[name] = {key: str(value) for key, value in vars(found[name]).items() if key != "_is_trusted"}
    return found


def settings_of(options: Mapping[str, Any]) -> Settings:
    given: Any = {**REDIS, **options}
    return Settings.of(read_middleware_options(given, option_rules.ASGI))


# Another value for each option of the settings, which must make a difference.
OTHERS = {
    "rate_limit_requests": 99,
    "rate_limit_window_seconds": 61,
    "cost": 2,
    "key": "credential",
    "credential_header": "X-Key",
    "key_prefix": "other",
    "routes": {"/a": "1/minute"},
    "exempt": ["/a"],
    "ipv4_prefix": 24,
    "ipv6_prefix": 48,
    "headers": "none",
    "error_bodies": {"text/plain": "no"},
    "local_share": 0.5,
    "shadow": True,
    "on_redis_failure": "deny",
    "skip_successful": True,
    "skip_failed": True,
    "burst_threshold": 51,
    "burst_window_seconds": 11,
    "trusted_proxies": ["unix"],
    "forwarded_header": "Forwarded",
    "audit": False,
    "audit_queue_size": 9999,
    "log_interval_seconds": 11,
}


@pytest.mark.parametrize(
    ("heading", "asgi", "wsgi", "typed"),
    [
        ("Options of the middleware", option_rules.ASGI, option_rules.WSGI, lockwatch.MiddlewareOptions),
        ("Options of a policy", option_rules.ASGI_POLICY, option_rules.WSGI_POLICY, lockwatch.PolicyOptions),
    ],
)
def test_every_option_of_the_middleware_and_its_policies_is_listed(
    heading: str, asgi: Mapping[str, Any], wsgi: Mapping[str, Any], typed: type[Any]
) -> None:
    rows = set(listed(heading, "option"))
    assert rows == set(asgi) == set(wsgi)
    assert rows == set(typed.__annotations__)


def test_the_defaults_of_the_middleware_are_those_of_the_page() -> None:
    rows = listed("Options of the middleware", "option")
    of_client = inspect.signature(lockwatch.LockWatch).parameters
    with_default = {name: default(row["default"]) for name, row in rows.items() if row["default"].startswith("`")}
    assert set(OTHERS) == set(with_default) - set(of_client) - {"redis_cluster"}
    for name, value in with_default.items():
        if name in of_client:
            assert of_client[name].default == value, name
        elif name == "redis_cluster":
            assert of_client["cluster"].default == value
        else:
            assert same(settings_of({name: value}), settings_of({})), name
            assert not same(settings_of({name: OTHERS[name]}), settings_of({})), name


def test_the_defaults_that_are_written_out_hold() -> None:
    rows = listed("Options of the middleware", "option")
    assert rows["address_limits"]["default"] == "ten times each limit"
    assert settings_of({}).address_limits is None
    assert rows["burst_cooldown_seconds"]["default"] == "the module's, 60 s"
    assert settings_of({}).burst_arguments == ("50", "10")


def test_every_option_of_limit_is_listed_with_its_default() -> None:
    rows = listed("Options of limit", "option")
    assert set(rows) == set(option_rules.ASYNC_ROUTE_LIMIT) - {"limits"} == set(option_rules.ROUTE_LIMIT) - {"limits"}
    with_default = {name: default(row["default"]) for name, row in rows.items() if row["default"].startswith("`")}
    # A prefix that is given silences a notice as well.
    del with_default["key_prefix"]
    for name, value in with_default.items():
        assert limit_with({name: value}) == limit_with({}), name  # type: ignore[misc]  # any name
        assert limit_with({name: OTHERS[name]}) != limit_with({}), name  # type: ignore[misc]  # any name


def limit_with(options: RouteLimitOptions) -> dict[str, Any]:
    """What a limit keeps of its options."""
    kept = vars(route_limit(CLIENT, "5/minute", options, lockwatch.AsyncLockWatch))
    return {
        name: value for name, value in kept.items() if name not in ("_lockwatch", "_keys", "_failures", "_fallback")
    }


def test_every_option_of_a_client_is_listed_with_its_default() -> None:
    rows = listed("Options of the clients", "option")
    assert set(rows) == set(client_rules.LOCKWATCH) - {"source"} == set(client_rules.ASYNC_LOCKWATCH) - {"source"}
    for kind in (lockwatch.LockWatch, lockwatch.AsyncLockWatch):
        parameters = inspect.signature(kind).parameters
        assert {name: default(row["default"]) for name, row in rows.items()} == {
            name: parameters[name].default for name in rows
        }


@pytest.mark.parametrize(
    ("heading", "rules", "functions"),
    [
        (
            "Options of the token routes",
            token_rules.ROUTES,
            [lockwatch.fastapi.token_router, lockwatch.flask.token_blueprint],
        ),
        ("Options of jwt_required", token_rules.ASYNC_BEARER, [lockwatch.fastapi.jwt_required]),
        ("CookieOptions", cookie.COOKIE, [lockwatch.CookieOptions]),
        (
            "Options of a guard",
            guard_rules.GUARD,
            [lockwatch.Guard, lockwatch.fastapi.Guard, lockwatch.flask.Guard],
        ),
    ],
)
def test_every_option_of_tokens_is_listed_with_its_default(
    heading: str, rules: Mapping[str, Any], functions: list[Callable[..., Any]]
) -> None:
    rows = listed(heading, "option")
    assert set(rows) == set(rules)
    for function in functions:
        parameters = inspect.signature(function).parameters
        for name, row in rows.items():
            if name != "scopes" and row["default"].startswith("`"):
                assert parameters[name].default == default(row["default"]), name
            elif name == "device_cookie":
                assert parameters[name].default == lockwatch.DeviceCookie()
            elif name != "scopes":
                assert parameters[name].default in (inspect.Parameter.empty, None), name


def test_the_parameters_of_the_cookie_and_the_login_are_written_out() -> None:
    assert f"`CookieOptions{signature(lockwatch.CookieOptions)}`" in PAGE
    assert f"`Login{signature(lockwatch.Login)}`" in PAGE
    assert f"`DeviceCookie{signature(lockwatch.DeviceCookie)}`" in PAGE
    rows = set(listed("Options of the token routes", "option"))
    members = set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE))
    assert {each.name for each in dataclasses.fields(lockwatch.Login)} | rows <= members


def public(kind: type[Any]) -> set[str]:
    """The fields, properties and methods of a class, without those of a mapping."""
    own = {name for name in vars(kind) if not name.startswith("_")}
    return own | {each.name for each in dataclasses.fields(kind) if not each.name.startswith("_")}


@pytest.mark.parametrize(
    "kind",
    [
        *(lockwatch.RateLimitResult, lockwatch.BurstResult, lockwatch.AuditEvent, lockwatch.Tokens),
        *(lockwatch.Claims, lockwatch.Introspection, lockwatch.Session, lockwatch.ClientKey),
        *(lockwatch.MultiRateLimitResult, lockwatch.MultiRateLimitEntry, lockwatch.Settlement, lockwatch.LeaseResult),
        *(lockwatch.KeyReport, lockwatch.WindowUsage, lockwatch.TopKey),
        *(lockwatch.GuardResult, lockwatch.GuardEntry, lockwatch.GuardReport, lockwatch.GuardChallenge),
        *(lockwatch.GuardCount, lockwatch.DeviceCookie, lockwatch.Event, lockwatch.Stats),
    ],
)
def test_every_member_of_a_result_is_listed(kind: type[Any]) -> None:
    rows = listed(kind.__name__, "member")
    assert {name.partition("(")[0] for name in rows} >= public(kind)
    for written in rows:
        name, bracket, _ = written.partition("(")
        if bracket:
            assert written == name + signature(getattr(kind, name))


def test_the_members_of_the_state_that_are_listed_exist() -> None:
    internal = {"key_text", "denial", "headers", "counted", "pending", "judge", "guards"}
    internal |= {"judge_locally", "network", "header_kinds", "recorded"}
    assert set(listed("LockWatchState", "member")) == public(lockwatch.LockWatchState) - internal


def test_the_members_of_a_denial_and_of_a_message_limit_that_are_listed_exist() -> None:
    assert set(listed("Error bodies", "member of a Denial")) == public(lockwatch.Denial)
    rows = {name.partition("(")[0] for name in listed("WebSockets", "member of a MessageLimit")}
    assert rows == {name for name in vars(lockwatch.MessageLimit) if not name.startswith("_")}


def test_every_outcome_is_listed() -> None:
    [rows] = [each.rows for each in tables(PAGE) if each.columns == ["outcome", "meaning"]]
    assert {each for row in rows for each in codes(row["outcome"])} == set(typing.get_args(stats.Outcome))


def test_the_members_of_a_request_that_are_listed_exist() -> None:
    rows = {name.partition("(")[0] for name in listed("HttpRequest", "member")}
    assert rows == public(lockwatch.HttpRequest) - {"method_argument"}


def test_the_members_of_a_response_that_are_listed_exist() -> None:
    rows = {name.partition("(")[0] for name in listed("HttpResponse", "member")}
    assert rows == public(lockwatch.HttpResponse) - {"raw_headers"}


def test_the_members_of_a_lease_and_of_a_reservation_that_are_listed_exist() -> None:
    leases = {name.partition("(")[0] for name in listed("Leases", "member")}
    for kind in (lockwatch.Lease, lockwatch.AsyncLease):
        assert leases == {name for name in dir(kind) if not name.startswith("_")}
    reservation = {name.partition("(")[0] for name in listed("TokenBudget", "member of a reservation")}
    members = {name for name in vars(lockwatch.Reservation) if not name.startswith("_")}
    assert reservation == members | {"reserved", "used"}
    assert f"`TokenBudget{signature(lockwatch.TokenBudget)}`" in PAGE


def test_the_methods_of_guards_have_their_parameters() -> None:
    rows = table(PAGE, "Methods of a guard").rows
    kinds = {"Guard": lockwatch.Guard, "FastAPI": lockwatch.fastapi.Guard, "Flask": lockwatch.flask.Guard}
    for column, kind in kinds.items():
        written = {code(row[column]) for row in rows} - {"check"}
        # These two are for the token routes.
        public_methods = {name: each for name, each in methods(kind).items() if name != "trial"}
        assert written == {name + signature(each) for name, each in public_methods.items()}


def test_every_member_of_an_attempt_is_listed() -> None:
    rows = listed("Attempt", "member")
    names = {name for name in vars(lockwatch.Attempt) if not name.startswith("_")} - {"leave"}
    assert {name.partition("(")[0] for name in rows} == names | {"result", "outcome", "device"}
    for written in rows:
        name, bracket, _ = written.partition("(")
        if bracket:
            assert written == name + signature(getattr(lockwatch.Attempt, name))


# Codes that no server answers.
OF_THE_CLIENT = {
    *("TIMEOUT", "CONNECTION", "BYPASSED", "CONFIGURATION", "MODULE_MISSING"),
    *("LEASE_DENIED", "BUDGET_EXCEEDED", "ATTEMPT_DENIED"),
}


def test_every_error_is_listed_with_its_codes() -> None:
    rows = {code(row["exception"]): row for row in table(PAGE, "Errors").rows}
    exported = [getattr(lockwatch, name) for name in lockwatch.__all__ if name.endswith("Error")]
    assert {each.__name__ for each in exported} == set(rows)
    for name, row in rows.items():
        kind = getattr(lockwatch, name)
        for each in codes(row["code"]):
            if each.isupper() and each not in OF_THE_CLIENT:
                assert type(errors.answered_error(each, "text")) is kind, each


def test_the_tools_for_tests_are_listed() -> None:
    for name in lockwatch.testing.__all__:
        assert f"`{name}" in PAGE
    stub = {name.partition("(")[0]: name for name in listed("Testing", "member of a stub")}
    for name, written in stub.items():
        assert hasattr(lockwatch.testing.AsyncStub(), name)
        if "(" in written:
            assert written == name + signature(getattr(lockwatch.testing.Stub, name))
    assert f"`RedisServer{signature(lockwatch.testing.RedisServer)}`" in PAGE
    [members] = [each for each in tables(PAGE) if "member of RedisServer" in each.columns]
    names = {name.partition("(")[0] for row in members.rows for name in codes(row["member of RedisServer"])}
    assert {name for name in vars(lockwatch.testing.RedisServer) if not name.startswith("_")} | {"url", "port"} == names
