"""The page of directives and redis.conf.example, compared with a real server."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from lockwatch.testing import RedisServer

from examples.machine import REPOSITORY, module
from reference_pages import code, connect, headings, page, server, table

PREFIX = "lockwatch."
PAGE = page("configuration.md")
ROWS = table(PAGE, "All directives").rows
NAMES = [code(row["directive"]) for row in ROWS]
EXAMPLE = (REPOSITORY / "redis.conf.example").read_text("utf-8")
UNITS = {"mb": 1 << 20, "gb": 1 << 30}


@pytest.fixture(scope="module")
def started() -> Iterator[RedisServer]:
    with server() as running:
        yield running


@pytest.fixture
def client(started: RedisServer) -> Iterator[redis.Redis]:
    with connect(started) as connection:
        yield connection


def values(connection: redis.Redis) -> dict[str, str]:
    found: dict[str, str] = connection.config_get(f"{PREFIX}*")  # type: ignore[assignment]
    return found


def values_of(running: RedisServer) -> dict[str, str]:
    with connect(running) as connection:
        return values(connection)


def refusal(connection: redis.Redis, name: str, value: str) -> str:
    """The error of a CONFIG SET. Fails if there is none, or if the value has changed."""
    before = values(connection)
    with pytest.raises(redis.ResponseError) as error:
        connection.config_set(name, value)
    assert values(connection) == before
    return str(error.value)


def default(row: dict[str, str]) -> str:
    return "" if row["default"] == "none" else code(row["default"])


def rows(*kinds: str) -> list[object]:
    chosen = [row for row in ROWS if row["type"] in kinds]
    assert chosen, kinds
    return [pytest.param(row, id=code(row["directive"]).removeprefix(PREFIX)) for row in chosen]


def bounds(row: dict[str, str]) -> tuple[int, int]:
    def number(text: str) -> int:
        digits, unit = re.fullmatch(r"(\d+)([a-z]*)", text).groups()  # type: ignore[union-attr]
        return int(digits) * UNITS.get(unit, 1)

    low, high = row["range"].split(" to ")
    return number(low), number(high.removesuffix(" bytes"))


def test_the_page_lists_every_directive_and_no_other(client: redis.Redis) -> None:
    assert sorted(NAMES) == sorted(values(client))


def test_every_directive_has_a_section_that_its_row_links_to() -> None:
    sections = set(headings(PAGE))
    for row in ROWS:
        name = code(row["directive"]).removeprefix(PREFIX)
        assert f"](#{name})" in row["directive"]
        assert name in sections, name


@pytest.mark.parametrize("row", rows(*{row["type"] for row in ROWS}))
def test_the_default_is_the_servers(row: dict[str, str], client: redis.Redis) -> None:
    name = code(row["directive"])
    before = values(client)[name]
    if row["at run time"] == "no":
        assert default(row) == before
    else:
        client.config_set(name, default(row))
        assert values(client)[name] == before


@pytest.mark.parametrize("row", rows("integer", "bytes", "seconds", "whole seconds"))
def test_a_number_within_the_range_is_accepted_and_any_other_is_refused(
    row: dict[str, str], client: redis.Redis
) -> None:
    name, (low, high) = code(row["directive"]), bounds(row)
    for value in (low, high):
        client.config_set(name, str(value))
        assert values(client)[name] == str(value)
    client.config_set(name, default(row))
    for value in (low - 1, high + 1):
        if row["type"] in ("integer", "bytes"):
            assert f"must be between {low} and {high} inclusive" in refusal(client, name, str(value))
        else:
            whole = "whole " if row["type"] == "whole seconds" else ""
            assert f"must be {low} to {high} {whole}seconds" in refusal(client, name, str(value))


@pytest.mark.parametrize("row", rows("seconds", "whole seconds"))
def test_parts_of_a_second_are_accepted_unless_seconds_are_whole(row: dict[str, str], client: redis.Redis) -> None:
    name = code(row["directive"])
    if row["type"] == "whole seconds":
        refusal(client, name, "1500ms")
    else:
        client.config_set(name, "1500ms")
        assert values(client)[name] == "1500ms"
        client.config_set(name, default(row))


@pytest.mark.parametrize("row", rows("text"))
def test_a_text_has_a_number_of_bytes(row: dict[str, str], client: redis.Redis) -> None:
    name, (low, high) = code(row["directive"]), bounds(row)
    for length in (low, high):
        client.config_set(name, "x" * length)
    client.config_set(name, default(row))
    for length in (low - 1, high + 1):
        assert f"{low} to {high} bytes" in refusal(client, name, "x" * length)


@pytest.mark.parametrize("row", rows("yes or no"))
def test_a_switch_takes_yes_and_no(row: dict[str, str], client: redis.Redis) -> None:
    name = code(row["directive"])
    if row["at run time"] == "yes":
        for value in ("yes", "no", default(row)):
            client.config_set(name, value)
        refusal(client, name, "maybe")


def test_a_word_is_one_of_its_range(client: redis.Redis) -> None:
    [row] = [row for row in ROWS if row["type"] == "word"]
    name = code(row["directive"])
    for word in re.findall(r"`(\w+)`", row["range"]):
        client.config_set(name, word)
        assert values(client)[name] == word
    client.config_set(name, default(row))
    assert "neither enforce nor observe" in refusal(client, name, "other")


def test_a_list_of_networks_has_as_many_as_its_range_says(client: redis.Redis) -> None:
    [row] = [row for row in ROWS if row["type"] == "networks"]
    name = code(row["directive"])
    assert row["range"] == "up to 256 networks"
    client.config_set(name, "::1/128 " * 256)
    refusal(client, name, "::1/128 " * 257)
    client.config_set(name, "")
    client.config_set(name, default(row))


def test_a_directive_that_cant_be_set_at_run_time_is_refused(client: redis.Redis) -> None:
    fixed = [row for row in ROWS if row["at run time"] != "yes"]
    assert [code(row["directive"]) for row in fixed] == ["lockwatch.cl-throttle", "lockwatch.journal"]
    assert "immutable" in refusal(client, "lockwatch.journal", "no")


def secrets(count: int) -> str:
    return "".join(f"whsec_{chr(97 + n) * 44}\n" for n in range(count))


def ed25519(directory: Path) -> str:
    """The path of a new key."""
    path = directory / f"{len(list(directory.iterdir()))}.pem"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", path], check=True, capture_output=True)
    return str(path)


# The longest contents that a file of each directive may have, and contents that are too long.
CONTENTS = {
    "lockwatch.jwt-secret-file": (secrets(8), secrets(9)),
    "lockwatch.refresh-secret-file": (secrets(8), secrets(9)),
    "lockwatch.webhook-secret-file": (secrets(2), secrets(3)),
    "lockwatch.webhook-urls-file": (
        "".join(f"https://a.example/{n}\n" for n in range(16)),
        "".join(f"https://a.example/{n}\n" for n in range(17)),
    ),
    "lockwatch.guard-rules-file": (
        "".join(f"a r{n} ip failure each alert enforce\n" for n in range(32)),
        "".join(f"a r{n} ip failure each alert enforce\n" for n in range(33)),
    ),
    "lockwatch.postgres-url-file": ("# ours\npostgres://u@h/d\n", "postgres://u@h/d\npostgres://u@i/d\n"),
}


@pytest.mark.parametrize("row", rows("file"))
def test_a_file_holds_as_much_as_its_range_says(row: dict[str, str], client: redis.Redis, tmp_path: Path) -> None:
    name = code(row["directive"])
    most, too_much = CONTENTS[name]
    amount = {"one": 1}.get(row["range"].split()[0]) or int(row["range"].split()[-2])
    assert len([line for line in most.splitlines() if not line.startswith("#")]) == amount
    path = tmp_path / "file"
    path.write_text(too_much)
    refusal(client, name, str(path))
    path.write_text(most)
    client.config_set(name, str(path))
    client.config_set(name, "")
    path.write_text("#" * (64 * 1024 + 1))
    assert "larger than 65536 bytes" in refusal(client, name, str(path))


def test_there_may_be_sixteen_keys_and_sixteen_urls(client: redis.Redis, tmp_path: Path) -> None:
    ranges = {code(row["directive"]): row["range"] for row in ROWS}
    assert ranges["lockwatch.jwt-keys"] == "up to 16 files"
    assert ranges["lockwatch.webhook-urls"] == "up to 16 URLs"
    keys = [ed25519(tmp_path) for _ in range(17)]
    urls = [f"https://a.example/{n}" for n in range(17)]
    for name, words in (("lockwatch.jwt-keys", keys), ("lockwatch.webhook-urls", urls)):
        refusal(client, name, " ".join(words))
        client.config_set(name, " ".join(words[:16]))
        client.config_set(name, "")


@pytest.mark.parametrize("row", rows("file", "files"))
def test_reload_reads_a_file_again_and_names_the_directive_of_a_bad_one(
    row: dict[str, str], client: redis.Redis, tmp_path: Path
) -> None:
    name = code(row["directive"])
    if name in CONTENTS:
        path = tmp_path / "file"
        path.write_text(CONTENTS[name][0])
    else:
        path = Path(ed25519(tmp_path))
    client.config_set(name, str(path))
    assert client.execute_command("LW.RELOAD") in (True, "OK")
    path.write_text("?")
    with pytest.raises(redis.ResponseError, match=f"nothing was changed: {name.removeprefix(PREFIX)}: "):
        client.execute_command("LW.RELOAD")
    # CONFIG SET to the same path replies OK.
    client.config_set(name, str(path))
    client.config_set(name, "")


def test_the_headers_that_are_refused_are_those_of_the_source(client: redis.Redis, tmp_path: Path) -> None:
    source = (REPOSITORY / "src" / "alert" / "line.rs").read_text("utf-8")
    reserved = re.findall(r'^    "([a-z-]+)",$', source, re.MULTILINE)
    sentence = re.search(r"lockwatch refuses the headers that (.*?)\n\n", PAGE, re.DOTALL)
    assert sentence
    assert sorted(name.lower() for name in re.findall(r"`([^`]+)`", sentence[1])) == sorted(reserved)
    headers, urls = tmp_path / "headers", tmp_path / "urls"
    urls.write_text(f"https://a.example/ header-file={headers}\n")
    for name in reserved:
        headers.write_text(f"{name}: x\n")
        assert "sets this header itself" in refusal(client, "lockwatch.webhook-urls-file", str(urls))


def test_the_parameters_of_libpq_that_are_refused_are_those_of_the_source() -> None:
    source = (REPOSITORY / "common" / "src" / "postgres" / "url.rs").read_text("utf-8")
    listed = re.search(r"const UNSUPPORTED.*?\];", source, re.DOTALL)
    sentence = re.search(r"Parameters of libpq that are not supported: (.*?)\.", PAGE, re.DOTALL)
    assert listed
    assert sentence
    assert re.findall(r"`([^`]+)`", sentence[1]) == re.findall(r'"(\w+)"', listed[0])


def test_the_example_lists_every_directive_with_its_default() -> None:
    listed = re.findall(rf"^({PREFIX}\S+) (.*)$", EXAMPLE, re.MULTILINE)

    def written(value: str) -> str:
        return value if value and " " not in value else f'"{value}"'

    expected = [(code(row["directive"]), written(default(row))) for row in ROWS]
    assert sorted(listed) == sorted(expected)


def test_a_server_starts_with_the_example_and_has_the_defaults(started: RedisServer, tmp_path: Path) -> None:
    text, count = re.subn(r"^loadmodule .*$", f"loadmodule {module()!s}", EXAMPLE, flags=re.MULTILINE)
    assert count == 1
    path = tmp_path / "redis.conf"
    path.write_text(text)
    expected = values_of(started)
    # redis-server takes a configuration file as its first argument only, and `include` as any.
    with RedisServer("--include", str(path), module=None) as other:
        assert values_of(other) == expected


def test_arguments_of_loadmodule_are_defaults_that_redis_conf_overrides() -> None:
    with RedisServer("--loadmodule", str(module()), "access-ttl", "15m", module=None) as other:
        assert values_of(other)["lockwatch.access-ttl"] == "900"
    arguments = ("--loadmodule", str(module()), "access-ttl", "16m", "--lockwatch.access-ttl", "17m")
    with RedisServer(*arguments, module=None) as other:
        assert values_of(other)["lockwatch.access-ttl"] == "1020"
