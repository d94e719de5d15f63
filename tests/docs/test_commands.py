"""The pages of the commands agree with COMMAND DOCS and COMMAND INFO of real servers."""

from __future__ import annotations

import os
import re
from collections import Counter
from pathlib import Path

import pytest

import command_pages
from command_pages import (
    EVERYTHING,
    GROUPS,
    INDEX,
    PAGES,
    Command,
    commands_of,
    generated_parts,
    parts_of,
    shape,
    usage_of,
    written,
)
from reference_pages import connect, server

# The headings on the page of a command, in this order. Notes may be missing.
HEADINGS = ["Arguments", "Reply", "Errors", "Properties", "Examples", "Notes", "History", "See also"]


def servers() -> list[str]:
    """The chosen server, and those that scripts/servers.sh has fetched."""
    cache_home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    cache = Path(os.environ.get("LOCKWATCH_CACHE") or Path(cache_home) / "lockwatch" / "servers")
    fetched = [cache / "bin" / "redis-server", cache / "bin" / "valkey-server", cache / "valkey9" / "valkey-server"]
    return [os.environ.get("LOCKWATCH_SERVER") or "redis-server", *(str(path) for path in fetched if path.exists())]


@pytest.fixture(scope="module", params=servers(), ids=lambda path: "-".join(Path(path).parts[-2:]))
def commands(request: pytest.FixtureRequest) -> list[Command]:
    """The commands, as a server describes them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOCKWATCH_SERVER", request.param)
        with server(*EVERYTHING) as running:
            return commands_of(connect(running))


def own_text(command: Command) -> str:
    """The page's text about the command, without the generated parts."""
    text = command.page.read_text("utf-8")
    if " " in command.name:
        _, word = command.name.split()
        text = re.split(r"(?m)^## ", text.partition(f"\n## {word}\n")[2])[0]
    return re.sub(r"(?s)<!-- generated: .*?<!-- /generated -->", "", text)


def test_every_command_has_a_page_and_every_page_a_command(commands: list[Command]) -> None:
    assert {command.page for command in commands} | {INDEX} == set(PAGES.glob("*.md"))


def test_every_command_is_in_one_group_of_the_index(commands: list[Command]) -> None:
    listed = Counter(name for group in GROUPS.values() for name in group)
    assert listed == Counter(command.name for command in commands if " " not in command.name)
    index = generated_parts(INDEX.read_text("utf-8"))
    assert list(index) == [f"commands {group}" for group in GROUPS]


def test_the_generated_parts_are_those_of_the_server(commands: list[Command]) -> None:
    parts = parts_of(commands)
    for path in PAGES.glob("*.md"):
        page = path.read_text("utf-8")
        assert generated_parts(page).keys() <= parts.keys(), f"a marker of {path.name} names no command"
        assert written(page, parts) == page, f"{path.name} is out of date: python tests/docs/command_pages.py --write"


def test_every_page_has_the_generated_parts(commands: list[Command]) -> None:
    for command in commands:
        wanted = ["summary"] if command.is_container else ["summary", "syntax", "facts"]
        present = generated_parts(command.page.read_text("utf-8"))
        assert {f"{part} {command.name}" for part in wanted} <= present.keys(), command.name


def test_usage_texts_have_the_arguments_of_command_docs(commands: list[Command]) -> None:
    for command in commands:
        assert shape(command.syntax) == shape(command.syntax_of_docs())


def test_acl_categories_are_those_that_the_module_declares(commands: list[Command]) -> None:
    if not any(command.categories for command in commands):
        pytest.skip("this server puts a module's commands into no category")
    knows_own = any("@lockwatch" in command.categories for command in commands)
    for command in commands:
        declared = {category for category in command.declared_categories if knows_own or category != "@lockwatch"}
        assert set(command.categories) == declared, command.name


def test_every_argument_is_described(commands: list[Command]) -> None:
    for command in commands:
        text = own_text(command)
        for label in command_pages.labels(command):
            assert re.search(rf"(?m)^\| `@?{re.escape(label)}[ `]", text), f"{command.name} does not describe {label}"


def test_every_described_argument_exists(commands: list[Command]) -> None:
    for command in commands:
        if command.is_container:
            continue
        arguments = own_text(command).partition("Arguments")[2].partition("## ")[0]
        for described in re.findall(r"(?m)^\| `([^`]+)` \|", arguments):
            in_syntax = described.replace("\\|", "|")
            assert re.search(rf"(?<!\w){re.escape(in_syntax)}(?!\w)", command.syntax), (command.name, described)


def test_pages_have_the_same_sections(commands: list[Command]) -> None:
    for command in commands:
        text = own_text(command)
        headings = re.findall(r"(?m)^#{2,3} (.*)$", text)
        if command.is_container:
            assert headings[-2:] == ["History", "See also"], command.name
        elif " " in command.name:
            word = command.name.split()[1]
            wanted = ["Arguments", "Reply", "Errors", "Properties", "Example"]
            assert headings == [f"{heading} of {word}" for heading in wanted], command.name
        else:
            assert [heading for heading in HEADINGS if heading in headings] == headings, command.name
            assert set(HEADINGS) - set(headings) <= {"Notes"}, command.name
        assert command.is_container or "```redis\n" in text or "```console\n" in text, f"{command.name} has no example"


def test_the_history_names_the_first_version(commands: list[Command]) -> None:
    for command in commands:
        history = command.page.read_text("utf-8").partition("\n## History\n")[2].partition("\n## ")[0]
        assert f"- Since {command.since}." in history, command.name
        assert command.group == "module"


def test_a_usage_text_follows_from_the_arguments() -> None:
    # Each with the options, blocks and choices that the server's arguments have.
    count: dict[str, object] = {"name": "count", "type": "integer", "token": "COUNT", "flags": ["optional"]}
    a = {"name": "a", "type": "string"}
    pair: dict[str, object] = {"name": "pair", "type": "block", "flags": ["multiple"], "arguments": [a]}
    which: dict[str, object] = {"name": "which", "type": "oneof"}
    whole: dict[str, object] = {"name": "all", "type": "pure-token", "token": "ALL"}
    cases: list[tuple[dict[str, object], str]] = [
        (count, "[COUNT count]"),
        (pair, "a [a ...]"),
        ({**which, "arguments": [{"name": "id", "type": "string"}, whole]}, "id|ALL"),
        ({**which, "arguments": [{**count, "flags": []}, whole]}, "COUNT count | ALL"),
    ]
    for argument, usage in cases:
        assert usage_of(argument) == usage
    assert shape("LW.X key k|prefix* [IP ip|cidr] id|ALL") == "LW.X _ _ [IP _] _|ALL"
