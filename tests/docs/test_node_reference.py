"""The page of the Node client, compared with its source."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping

import pytest

import reference_pages
from reference_pages import NODE, code, codes, page, table, tables

PAGE = page("node.md")
listed = functools.partial(reference_pages.listed, PAGE)
SOURCE = NODE / "src"
SOURCES = {str(path.relative_to(SOURCE)): path.read_text("utf-8") for path in SOURCE.rglob("*.ts")}
ALL = "\n".join(SOURCES.values())
ENTRIES = ["index", "express", "fastify", "testing"]
STORES = ["express-rate-limit", "fastify-rate-limit", "hono-rate-limiter", "nestjs", "rate-limiter-flexible"]
SMALL_ENTRIES = ["hono", "opentelemetry", "prometheus", "websocket", *STORES]


def exports(entry: str) -> set[str]:
    """The names that an entry of the package exports."""
    text = SOURCES[f"{entry}.ts"]
    names = set(re.findall(r"^export (?:const|function|class|interface|type|async function) (\w+)", text, re.MULTILINE))
    for group in re.findall(r"^export (?:type )?\{([^}]*)\}", text, re.MULTILINE):
        names |= {name.strip().removeprefix("type ") for name in group.split(",") if name.strip()}
    return names


def options(name: str) -> set[str]:
    """The options in a table of rules."""
    declared = re.search(rf"^export const {name}: OptionRules<.*> = \{{(.*)$", ALL, re.MULTILINE)
    assert declared, name
    if declared[1]:
        # The whole table is on one line.
        return set(re.findall(r"(\w+):", declared[1].partition("(")[0]))
    body = ALL[declared.end() :].partition("\n};")[0]
    own = set(re.findall(r"^  (\w+):", body, re.MULTILINE))
    return own.union(*(options(each) for each in re.findall(r"^  \.\.\.([A-Z_]+),$", body, re.MULTILINE)))


def members(name: str) -> set[str]:
    """The members of an interface or class, with those of what it extends."""
    [(bases, body)] = re.findall(
        rf"^export (?:interface|class) {name}(?:<[^{{]*>)?((?: extends [^{{]*)?) \{{$(.*?)^\}}$",
        ALL,
        re.MULTILINE | re.DOTALL,
    )
    own = set(re.findall(r"^  (?:readonly )?(\w+)\??[:(]", body, re.MULTILINE))
    return own.union(*(members(base) for base in re.findall(r"\w+", bases.replace("extends", ""))))


def default(name: str) -> set[str]:
    """The values that the source uses where an option is not given."""
    literal = r'("[^"]*"|[\d_]+|true|false|\{\}|\[\])'
    found = re.findall(rf"\b{name}(?: = | \?\? ){literal}(?=[\s,;)}}\]])", ALL)
    # An empty text is no default, but what a function may have returned.
    return {value.replace("_", "") if value[0].isdigit() else value for value in found} - {'""'}


@pytest.mark.parametrize("entry", [*ENTRIES, *SMALL_ENTRIES])
def test_every_export_is_on_the_page(entry: str) -> None:
    names = exports(entry)
    assert len(names) > (5 if entry in ENTRIES else 0)
    assert sorted(name for name in names if not re.search(rf"`{name}[`(]", PAGE)) == []


def test_the_entries_are_those_of_the_package() -> None:
    package = (NODE / "package.json").read_text("utf-8")
    entries = set(re.findall(r'^    "\.(/?[\w-]*)": \{$', package, re.MULTILINE))
    [rows] = [each.rows for each in tables(PAGE) if each.columns == ["entry", "what"]]
    assert {code(row["entry"]) for row in rows} == {f"lockwatch{name}" for name in entries}


TABLES = {
    "Options of the middleware": "MIDDLEWARE_OPTIONS",
    "Options of a policy": "POLICY_OPTIONS",
    "Requests that count by their response": "CHARGING_RULES",
    "Limits on routes": "ROUTE_LIMIT_OPTIONS",
    "Options of a guard": "GUARD_OPTIONS",
    "DeviceCookieOptions": "DEVICE_COOKIE_OPTIONS",
    "Options of LockWatch": "LOCKWATCH_OPTIONS",
    "Options of jwtRequired": "JWT_OPTIONS",
    "Options of the token routes": "TOKEN_OPTIONS",
    "CookieOptions": "COOKIE_OPTIONS",
    "Options of jwks": "JWKS_OPTIONS",
    "A store for express-rate-limit": "HIT_STORE_OPTIONS",
    "A store for hono-rate-limiter": "HONO_STORE_OPTIONS",
    "A store for @fastify/rate-limit": "STORE_OPTIONS",
    "A storage for @nestjs/throttler": "THROTTLER_STORAGE_OPTIONS",
    "A limiter for rate-limiter-flexible": "RATE_LIMITER_OPTIONS",
}


@pytest.mark.parametrize("heading", TABLES)
def test_every_option_is_listed(heading: str) -> None:
    assert set(listed(heading, "option")) == options(TABLES[heading])


def test_there_is_a_table_for_every_table_of_rules() -> None:
    # Part of several tables, like CHARGING_RULES, which has one of its own as well.
    shared = {"FAILURE_RULES"}
    assert set(re.findall(r"^export const (\w+): OptionRules<", ALL, re.MULTILINE)) - shared == set(TABLES.values())


# Defaults that the source does not write as a literal behind the option's name, and how it does.
OTHERWISE = {
    "audit": ("`true`", "limiter.options.audit === false"),
    "errorBodies": ("`{}`", "given: ErrorBodiesOption<Req> = {}"),
    "headers": ('`["legacy", "draft-11"]`', 'DEFAULT_HEADERS: readonly HeaderKind[] = ["legacy", "draft-11"]'),
    "localShare": ("`1`", 'new OnFailure("allow", 1, undefined)'),
    "log": ("`console.warn`", "log = (message) => console.warn(message)"),
}


@pytest.mark.parametrize("heading", TABLES)
def test_the_defaults_are_those_of_the_source(heading: str) -> None:
    for name, row in listed(heading, "option").items():
        cell = row.get("default", "")
        if name in OTHERWISE:
            shown, source = OTHERWISE[name]
            assert source in ALL
            assert cell in ("", shown)
        elif cell.startswith("`") and name == "name":
            assert f"name = {code(cell)}" in ALL
        elif cell.startswith("`"):
            assert default(name) == {code(cell)}, name


def test_every_function_of_the_frameworks_is_listed_with_its_entry() -> None:
    rows = {name.partition("(")[0]: row["entry"] for name, row in listed("Tokens over HTTP", "function").items()}
    express, fastify = ({name for name in exports(entry) if name[0].islower()} for entry in ("express", "fastify"))
    assert set(rows) == (express | fastify) - {"lockwatch", "limit", "guard"}
    for name, entry in rows.items():
        assert ("both" in entry) == (name in express & fastify)
        assert ("express" in entry) == (name in express - fastify)


METHOD = re.compile(r"^  (?:async )?(\w+)\((.*)\): Promise<", re.MULTILINE)
# The interfaces of the last argument of some methods.
ARGUMENTS: Mapping[str, str] = {
    "ratelimit": "RateLimitOptions",
    "acquire": "AcquireOptions",
    "lease": "LeaseOptions",
    "burst": "BurstOptions",
    "audit": "AuditFields",
    "auditLog": "AuditQuery",
    "issue": "IssueOptions",
    "rotate": "RotateOptions",
    "clientKeys": "ClientQuery",
    "reset": "ClientQuery",
    "attempt": "AttemptOptions",
    "event": "EventOptions",
    "check": "CheckOptions",
    "ban": "BanOptions",
    "allow": "BanOptions",
    "lift": "LiftOptions",
    "bans": "BansOptions",
    "why": "NormalizeOption",
}


def test_every_method_is_listed_with_its_parameters() -> None:
    written = {name.partition("(")[0]: name.partition("(")[2][:-1] for name in listed("Methods", "method")}
    methods = dict(METHOD.findall(SOURCES["lockwatch.ts"]))
    assert set(written) == set(methods)
    for name, parameters in methods.items():
        if name in ARGUMENTS:
            [last] = re.findall(r"\{ (.*) \}", written[name])
            assert set(last.split(", ")) == members(ARGUMENTS[name]), name
        destructured = re.findall(r"\{ ([\w ,=]*) \}: ", parameters)
        for each in destructured:
            assert f"{{ {re.sub(r' = 1', '', each)} }}" in written[name]
        positional = re.findall(r"(?:^|, )(\w+): ", re.sub(r"\{.*", "", parameters))
        # The argument that is an object of options has another name on the page.
        plain = [each for each in positional if each not in ("options", "event", "query", "of", "what")]
        assert written[name].startswith(", ".join(plain)), name


def test_every_member_of_a_result_is_listed() -> None:
    rows = {code(row["type"]): set(codes(row["members"])) for row in table(PAGE, "Others").rows}
    returned = set(
        re.findall(
            r"\): Promise<(?:tokens\.|operator\.)?([A-Z]\w+)(?:\[\])?(?: \| null)?> \{$",
            SOURCES["lockwatch.ts"],
            re.MULTILINE,
        )
    )
    # The public keys are JSON as a standard has it.
    assert set(rows) == returned - {"RateLimitResult", "Jwks", "Date"}
    for name, shown in rows.items():
        assert members(name) - {"constructor"} <= shown, name
    # Those of a class whose constructor declares them.
    result = SOURCES["ratelimit.ts"]
    declared = set(re.findall(r"^    readonly (\w+)\??:", result, re.MULTILINE)) | {"retryAfterSeconds", "headers"}
    assert {name.partition("(")[0] for name in listed("RateLimitResult", "member")} == declared


def test_the_members_of_the_state_are_listed() -> None:
    internal = {"home", "keyText", "denial", "deny", "block", "constructor"}
    declared = members("LockWatchState") | set(
        re.findall(r"^    readonly (\w+):", SOURCES["http/state.ts"], re.MULTILINE)
    )
    assert set(listed("LockWatchState", "member")) == (declared | {"limited", "shadowed", "blocked"}) - internal


def test_every_error_is_listed_with_its_codes() -> None:
    rows = {code(row["class"]): row for row in table(PAGE, "Errors").rows}
    assert set(rows) == set(re.findall(r"^export class (\w+)", SOURCES["errors.ts"], re.MULTILINE))
    classes = dict(re.findall(r"^  ([A-Z]+): (\w+),$", SOURCES["errors.ts"], re.MULTILINE))
    for name, row in rows.items():
        for each in codes(row["code"]):
            if each in classes:
                assert classes[each] == name
    shown = {each for row in rows.values() for each in codes(row["code"])}
    assert {each for each in classes if each.startswith("LW")} <= shown


def test_the_tools_for_tests_are_listed() -> None:
    stub = {name.partition("(")[0] for name in listed("Testing", "member of a stub")}
    declared = set(re.findall(r"^  (?:readonly )?(\w+)[:(]", SOURCES["testing/stub.ts"], re.MULTILINE))
    # Methods that the client calls.
    assert stub == declared - {"ready", "send", "reset", "close"}
    functions = {name.partition("(")[0] for name in listed("Testing", "function")}
    assert functions == {name for name in exports("testing") if name[0].islower()}
    [arguments] = re.findall(r"`startRedis\(\{ (.*?) \}\)`", PAGE)
    assert set(arguments.split(", ")) == members("RedisServerOptions")
    row = listed("Testing", "function")[f"startRedis({{ {arguments} }})"]
    assert members("RedisServer") == {name.removesuffix("()") for name in codes(row["meaning"])} - {"RedisServer"}


def test_both_clients_have_the_same_options_and_defaults() -> None:
    """Node's names in the spelling of Python, with seconds where Node has milliseconds."""
    rows = table(page("python.md"), "Options of the middleware").rows
    python = {name: row["default"] for row in rows for name in codes(row["option"])}
    node = {name: row["default"] for name, row in listed("Options of the middleware", "option").items()}
    same = {"`False`": "`false`", "`True`": "`true`", "`()`": "`[]`", "`1.0`": "`1`"}
    same['`("legacy", "draft-11")`'] = '`["legacy", "draft-11"]`'
    for only_in_python in ("redis_url", "redis_cluster"):
        del python[only_in_python]
    for name, value in python.items():
        if name in ("connect_timeout", "command_timeout"):
            assert float(code(node.pop(f"{camel(name)}Ms"))) == float(code(value)) * 1000
        else:
            assert node.pop(camel(name)) == same.get(value, value), name
    # Options of the client, which Python's middleware does not take.
    assert list(node) == ["log", "onEvent"]


def camel(name: str) -> str:
    return re.sub(r"_(\w)", lambda match: match[1].upper(), name)
