"""The parts of docs/reference/commands/ that follow from COMMAND DOCS and COMMAND INFO.

A page has them between `<!-- generated: PART COMMAND -->` and `<!-- /generated -->`, where PART is
`summary`, `syntax` or `facts`. The index has `<!-- generated: commands GROUP -->`.

    python tests/docs/command_pages.py            tells which pages differ from the server
    python tests/docs/command_pages.py --write    writes the generated parts of all pages

Both start a server, for which LOCKWATCH_MODULE and LOCKWATCH_SERVER count as in the tests.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis

from examples.machine import REPOSITORY
from reference_pages import connect, server

PAGES = REPOSITORY / "docs" / "reference" / "commands"
INDEX = PAGES / "index.md"

# The commands of each group, in the order of the index.
GROUPS = {
    "limit": [
        "LW.RATELIMIT",
        "LW.PEEK",
        "LW.REFUND",
        "LW.SETTLE",
        "CL.THROTTLE",
        "LW.TOP",
        "LW.INSPECT",
        "LW.MRATELIMIT",
        "LW.MPEEK",
        "LW.POLICY",
    ],
    "burst": ["LW.BURST"],
    "leases": ["LW.ACQUIRE", "LW.RENEW", "LW.RELEASE"],
    "tokens": [
        "LW.ISSUE",
        "LW.ROTATE",
        "LW.CLAIMS",
        "LW.VERIFY",
        "LW.INTROSPECT",
        "LW.REVOKE",
        "LW.REVOKEALL",
        "LW.SESSIONS",
        "LW.JWKS",
    ],
    "alerts": ["LW.ALERT", "LW.ALERTS"],
    "audit": ["LW.AUDIT", "LW.AUDITLOG"],
    "guards": [
        "LW.ATTEMPT",
        "LW.EVENT",
        "LW.CHECK",
        "LW.BAN",
        "LW.ALLOW",
        "LW.LIFT",
        "LW.BANS",
        "LW.WHY",
        "LW.RULES",
    ],
    "administration": ["LW.RELOAD", "LW.PURGE"],
}

# With these arguments a server has every command.
EVERYTHING = ("--lockwatch.cl-throttle", "yes")

# The order of subcommands on the page of their container. The server lists them in none.
SUBCOMMANDS = [
    "SET",
    "GET",
    "WHICH",
    "DEL",
    "LIST",
    "QUERY",
    "RECENT",
    "DEAD",
    "REPLAY",
    "DISCARD",
    "ERASE",
    "TEST",
    "HELP",
]


@dataclass(frozen=True)
class Command:
    """A command or subcommand, as a server describes it."""

    name: str
    """As a caller writes it: `LW.ALERTS LIST`."""
    summary: str
    complexity: str
    since: str
    group: str
    arity: int
    flags: tuple[str, ...]
    categories: tuple[str, ...]
    """Those that the server reports. Redis 7.0 reports none for a module."""
    key_flags: tuple[str, ...]
    """The flags of the keys; empty without one."""
    key_step: int
    """The number of arguments from one key to the next; 0 if only the first one is a key."""
    arguments: tuple[dict[str, Any], ...]
    usage: str | None
    """The usage text of an error, if a malformed call can be made."""
    is_container: bool

    @property
    def page(self) -> Path:
        """The page that describes the command."""
        return PAGES / f"{self.name.split()[0].lower()}.md"

    @property
    def declared_categories(self) -> tuple[str, ...]:
        """The categories for its flags, as in `categories` of src/server/command.rs."""
        of_flags = {"write": ["@write"], "readonly": ["@read"], "fast": ["@fast"], "admin": ["@admin", "@dangerous"]}
        categories = [category for flag, its in of_flags.items() if flag in self.flags for category in its]
        if "fast" not in self.flags and "admin" not in self.flags:
            categories.append("@slow")
        if "admin" not in self.flags:
            categories.append("@lockwatch")
        return tuple(categories)

    @property
    def syntax(self) -> str:
        """The usage text in errors and HELP, or else one with the names of COMMAND DOCS."""
        return self.usage or self.syntax_of_docs()

    def syntax_of_docs(self) -> str:
        """The usage text that follows from the arguments in COMMAND DOCS."""
        return " ".join([self.name, *map(usage_of, self.arguments)])


def usage_of(argument: dict[str, Any]) -> str:
    """The usage text of an argument in COMMAND DOCS, with the argument's name as value."""
    parts = argument.get("arguments", [])
    texts = [usage_of(part) for part in parts]
    if argument["type"] == "oneof":
        once = ("|" if all(" " not in text for text in texts) else " | ").join(texts)
    elif argument["type"] == "block":
        once = " ".join(texts)
    elif argument["type"] == "pure-token":
        once = argument["token"]
    else:
        once = " ".join(filter(None, [argument.get("token"), argument["name"]]))
    flags = argument.get("flags", [])
    if "multiple" in flags:
        once = f"{once} [{once} ...]"
    return f"[{once}]" if "optional" in flags else once


def shape(usage: str) -> str:
    """A usage text without the names of values, which differ between COMMAND DOCS and errors."""
    return re.sub(r"@?[a-z][a-z_*-]*(\|[a-z_*-]+)*", "_", usage)


def leaves(arguments: tuple[dict[str, Any], ...] | list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The arguments that are no blocks and no choices, those within such included."""
    for argument in arguments:
        if "arguments" in argument:
            yield from leaves(argument["arguments"])
        else:
            yield argument


def labels(command: Command) -> set[str]:
    """The words that a page has to mention: option words, and names of values in the syntax."""
    words = [argument.get("token") for argument in leaves(command.arguments)]
    named = set(re.findall(r"[a-z_]+", re.sub(r"[A-Z]+ [a-z_|*]+", "", command.syntax[len(command.name) :])))
    return named | {word for word in words if word}


def commands_of(client: redis.Redis) -> list[Command]:
    """Every command of the module and its subcommands, the internal ones excluded."""
    # redis-py would make records of its own of the replies.
    client.response_callbacks.clear()
    docs, info = record(client.execute_command("COMMAND", "DOCS")), client.execute_command("COMMAND")
    described = {}
    for command in (command for command in info if is_public(command[0])):
        name = command[0].upper()
        its_docs = record(docs[command[0]])
        usages = usages_of_help(client, name) if command[9] else {}
        described[name] = describe(client, name, command, its_docs, is_container=bool(command[9]))
        its_subcommands = record(its_docs.get("subcommands", []))
        for subcommand in sorted(command[9], key=lambda its: SUBCOMMANDS.index(its[0].upper().split("|")[1])):
            word = subcommand[0].upper().replace("|", " ")
            described[word] = describe(client, word, subcommand, record(its_subcommands[subcommand[0]]), usages)
    listed = [name for group in GROUPS.values() for name in group]
    return sorted(
        described.values(),
        key=lambda its: listed.index(its.name.split()[0]) if its.name.split()[0] in listed else len(listed),
    )


def describe(
    client: redis.Redis,
    name: str,
    info: list[Any],
    docs: dict[str, Any],
    usages: dict[str, str] | None = None,
    *,
    is_container: bool = False,
) -> Command:
    """A command of COMMAND INFO and COMMAND DOCS. `usages` are those of the container's HELP."""
    key_specs = [record(spec) for spec in info[8]]
    # Valkey renamed the flag.
    flags = [flag.replace("skip_commandlog", "skip_slowlog") for flag in info[2] if flag != "module"]
    usage = (usages or {}).get(name) or (None if is_container else usage_of_error(client, name, info[1], docs))
    return Command(
        name=name,
        summary=docs["summary"],
        complexity=docs["complexity"],
        since=docs["since"],
        group=docs["group"],
        arity=info[1],
        flags=tuple(flags),
        categories=tuple(info[6]),
        key_flags=tuple(key_specs[0]["flags"]) if key_specs else (),
        key_step=key_step(key_specs),
        arguments=tuple(argument_of(argument) for argument in docs.get("arguments", [])),
        usage=usage,
        is_container=is_container,
    )


def is_public(name: str) -> bool:
    """Whether it is a command of the module for callers."""
    return name.upper().startswith(("LW.", "CL.")) and not name.upper().startswith(("LW._", "LW.DEBUG"))


def record(flat: list[Any] | dict[str, Any]) -> dict[str, Any]:
    """A record, which is a flat list over RESP2 and a map over RESP3."""
    return flat if isinstance(flat, dict) else dict(zip(flat[::2], flat[1::2], strict=True))


def argument_of(flat: list[Any] | dict[str, Any]) -> dict[str, Any]:
    """An argument in COMMAND DOCS, and the arguments within it."""
    argument = record(flat)
    if "arguments" in argument:
        argument["arguments"] = [argument_of(part) for part in argument["arguments"]]
    return argument


def usages_of_help(client: redis.Redis, container: str) -> dict[str, str]:
    """The usage text of each subcommand. HELP has two lines for each, the second a summary."""
    lines = client.execute_command(container, "HELP")[1::2]
    return {f"{container} {line.split()[0]}": f"{container} {line}" for line in lines}


def usage_of_error(client: redis.Redis, name: str, arity: int, docs: dict[str, Any]) -> str | None:
    """The usage text that a malformed call gets; None if the server lets no such call through."""
    words = name.split()
    # One word more than needed is refused, and so is a word that is none of a choice, or no option.
    arguments = [argument_of(argument) for argument in docs.get("arguments", [])]
    has_choice = any(each["type"] == "oneof" or ("token" in each and each["type"] == "integer") for each in arguments)
    if arity >= 0 and not has_choice:
        return None
    filler = ["1"] * (abs(arity) - len(words) - (1 if arity >= 0 else 0))
    # An optional argument without an option word takes a word of any kind.
    filler += ["1" for each in arguments if "optional" in each.get("flags", ()) and "token" not in each]
    try:
        client.execute_command(*words, *filler, "NO-SUCH-OPTION")
    except redis.ResponseError as error:
        return str(error)[str(error).rindex(f": {name}") + 2 :]
    raise AssertionError(f"{name} accepts an unknown option")


def parts_of(commands: list[Command]) -> dict[str, str]:
    """The text of each generated part, by what its marker names."""
    parts = {}
    for command in commands:
        parts[f"summary {command.name}"] = command.summary
        parts[f"syntax {command.name}"] = f"```text\n{wrapped(command.syntax)}\n```"
        parts[f"facts {command.name}"] = facts(command)
    for group, names in GROUPS.items():
        rows = [row(command) for command in commands if command.name.split()[0] in names]
        parts[f"commands {group}"] = "\n".join(["| command | what it does |", "|---|---|", *rows])
    return parts


def wrapped(usage: str) -> str:
    """A usage text in lines of at most 100 characters, broken between arguments."""
    lines = [""]
    for piece in re.findall(r"\[(?:[^\[\]]|\[[^\]]*\])*\]|[^\s\[]+", usage):
        if len(lines[-1]) + 1 + len(piece) > 100:
            lines.append("   ")
        lines[-1] += f" {piece}" if lines[-1] else piece
    return "\n".join(lines)


def key_step(key_specs: list[dict[str, Any]]) -> int:
    """The number of arguments from one key to the next, if the keys go on to the last argument."""
    found = key_specs[0]["find_keys"]["spec"] if key_specs else {}
    return int(found["keystep"]) if found.get("lastkey", 0) < 0 else 0


def facts(command: Command) -> str:
    """The table of a command's properties in COMMAND INFO."""
    key = f"the first argument: {codes(command.key_flags)}" if command.key_flags else "none"
    if command.key_step:
        key = f"the first argument and every {command.key_step}th behind it: {codes(command.key_flags)}"
    return "\n".join(
        [
            "| property | value |",
            "|---|---|",
            f"| complexity | {command.complexity} |",
            f"| flags | {codes(command.flags)} |",
            f"| ACL categories | {codes(command.declared_categories)} |",
            f"| key | {key} |",
            f"| arity | {command.arity} |",
            f"| since | {command.since} |",
        ]
    )


def codes(words: tuple[str, ...]) -> str:
    """Words in code font, in one order on every server."""
    return " ".join(f"`{word}`" for word in sorted(words))


def row(command: Command) -> str:
    """The row of a command in the index."""
    _, *subcommand = command.name.lower().split()
    return f"| [`{command.name}`]({'#'.join([command.page.name, *subcommand])}) | {command.summary} |"


_MARKED = re.compile(r"(<!-- generated: (?P<what>[^\n]+?) -->\n)(?P<text>.*?)(\n?<!-- /generated -->)", re.DOTALL)


def generated_parts(page: str) -> dict[str, str]:
    """The generated parts of a page, by what their markers name."""
    return {match["what"]: match["text"] for match in _MARKED.finditer(page)}


def written(page: str, parts: dict[str, str]) -> str:
    """The page with its generated parts made anew. A marker that names nothing stays as it is."""

    def renew(match: re.Match[str]) -> str:
        text = parts.get(match["what"], match["text"])
        return f"{match[1]}{text}\n<!-- /generated -->"

    return _MARKED.sub(renew, page)


def main(arguments: list[str]) -> int:
    """Compares the pages with a server, or writes them. Returns the exit status."""
    if arguments not in ([], ["--write"]):
        print(__doc__)
        return 2
    with server(*EVERYTHING) as running:
        parts = parts_of(commands_of(connect(running)))
    differ = []
    for path in sorted(PAGES.glob("*.md")):
        page = path.read_text()
        if (new := written(page, parts)) != page:
            differ.append(path.relative_to(REPOSITORY))
            if arguments:
                path.write_text(new)
    for path in differ:
        print(f"{path}: {'written' if arguments else 'differs; run this with --write'}")
    return 1 if differ and not arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
