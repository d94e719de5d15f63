"""The pages of the refresh token, the webhook and the audit table agree with the source."""

from __future__ import annotations

import re
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
REFERENCE = REPOSITORY / "docs" / "reference"


def page(name: str) -> str:
    """The text of a reference page, with its line breaks as blanks."""
    return re.sub(r"(?<=[^\n|])\n(?=[^\n|])", " ", (REFERENCE / name).read_text("utf-8"))


def source(path: str) -> str:
    """A source file without its tests."""
    return (REPOSITORY / "src" / path).read_text("utf-8").partition("#[cfg(test)]\nmod tests {")[0]


def constant(path: str, name: str) -> str:
    """The value of a constant, as the source has it."""
    match = re.search(rf"const {name}: [^=]+ = (.*?);", source(path), re.DOTALL)
    assert match, f"there is no {name} in {path}"
    return match[1]


def fields_of(path: str, struct: str) -> list[str]:
    """The names of the fields of a struct."""
    body = re.search(rf"struct {struct}(?:<[^>]*>)? \{{(.*?)\n\}}", source(path), re.DOTALL)
    assert body, f"there is no {struct} in {path}"
    return re.findall(r"(?m)^    (?:pub )?(\w+): ", body[1])


def section(text: str, heading: str) -> str:
    """A section of a page, up to the next heading of any level above it."""
    level = heading.split(" ", maxsplit=1)[0]
    return re.split(rf"(?m)^#{{2,{len(level)}}} ", text.partition(f"\n{heading}\n")[2])[0]


def rows(text: str) -> list[list[str]]:
    """The cells of the tables in a text, without heads."""
    table = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in re.findall(r"(?m)^\|.*\|$", text)]
    heads = {i - 1 for i, cells in enumerate(table) if set("".join(cells)) <= set("|- ")}
    return [cells for i, cells in enumerate(table) if i not in heads and i - 1 not in heads]


def test_the_bytes_of_a_refresh_token() -> None:
    text = page("refresh-token.md")
    body, whole = int(constant("token/refresh.rs", "BODY")), int(constant("token/refresh.rs", "WHOLE"))
    lengths = {what.split(":")[0].split(",")[0]: int(length) for _, length, what, _ in rows(section(text, "## Format"))}
    assert sum(lengths.values()) == whole
    assert sum(lengths.values()) - lengths["authentication code"] == body
    assert f"an opaque text of {constant('token/refresh.rs', 'LENGTH')} characters" in text
    assert f"| version | {constant('token/refresh.rs', 'VERSION')} |" in text
    domain = constant("token/refresh.rs", "DOMAIN").removeprefix('b"').removesuffix('\\0"')
    assert f"`{domain}`, a NUL byte" in text
    ends = [int(place.split(" ")[-1]) for place, *_ in rows(section(text, "## Format"))]
    assert ends == [sum(list(lengths.values())[: i + 1]) - 1 for i in range(len(ends))]


def test_the_waits_between_tries() -> None:
    units = {"SECOND": "s", "MINUTE": "m", "HOUR": "h"}
    waits = re.findall(r"Span\((?:(\d+) \* )?(SECOND|MINUTE|HOUR)\)", constant("alert/schedule.rs", "WAITS"))
    shown = [f"{number or 1} {units[unit]}" for number, unit in waits]
    assert len(shown) == 9
    text = section(page("webhook.md"), "## Tries")
    assert f"comes in {shown[0]}, then {', '.join(shown[1:-1])} and {shown[-1]}" in text


def test_the_members_of_the_modules_own_alerts() -> None:
    text = page("webhook.md")
    for heading, path in [("### burst", "burst/data.rs"), ("### Stolen and forged tokens", "token/incident.rs")]:
        described = re.findall(r"`(\w+)`", " ".join(cells[0] for cells in rows(section(text, heading))))
        assert sorted(described) == sorted(fields_of(path, "Data"))
    scheduler = source("audit/scheduler.rs")
    members = {name for name, _ in re.findall(r'(?m)^        "(\w+)": (.*),$', scheduler)}
    assert {name for cells in rows(section(text, "### audit")) for name in re.findall(r"`(\w+)`", cells[0])} == members


def test_every_type_of_the_modules_own_alerts_is_listed() -> None:
    table = section(page("webhook.md"), "## Types").partition("\n### ")[0]
    listed = {kind for cells in rows(table) for kind in re.findall(r"`([\w.]+)`", cells[0])}
    everything = "\n".join(path.read_text("utf-8") for path in (REPOSITORY / "src").rglob("*.rs"))
    raised = set(re.findall(r'raise::own(?:_once)?\(\w+, (?:now, )?"([\w.]+)"', everything))
    raised |= {constant("token/incident.rs", name).strip('"') for name in ("REUSE", "FORGERY", "ROLLBACK")}
    raised.add(constant("alert/manage/test.rs", "KIND").strip('"'))
    assert listed == raised
    assert len(raised) == 8


def test_the_headers_of_a_request() -> None:
    shown = {cells[0].strip("`") for cells in rows(section(page("webhook.md"), "## Request"))} - {"others"}
    sent = set(re.findall(r'\.header\("([\w-]+)"', source("alert/webhook.rs")))
    assert sent | {"content-type", "content-length", "user-agent"} == shown


def test_the_columns_and_indexes_of_the_audit_table() -> None:
    migrations = sorted((REPOSITORY / "src/audit/migrations").glob("*.sql"))
    assert len(migrations) == 1, "a migration was added: describe it on the page"
    sql = re.sub(r"--.*", "", migrations[0].read_text("utf-8"))
    created = re.search(r"CREATE TABLE lockwatch_audit_log \((.*?)PRIMARY KEY \((.*?)\)", sql, re.DOTALL)
    assert created
    columns = re.findall(r'(?m)^\s+"?(\w+)"?\s+(\w+(?: \w+)?)\s*?( NOT NULL)?,$', created[1])
    text = page("audit-table.md")
    described = rows(section(text, "## lockwatch_audit_log"))
    shown = [(cells[0].strip("`"), cells[1].strip("`"), cells[2]) for cells in described]
    assert shown[: len(columns)] == [
        (name, kind.removesuffix(" NOT"), "no" if required else "yes") for name, kind, required in columns
    ]
    assert len(columns) == 13
    indexes = re.findall(r"CREATE INDEX (\w+) ON lockwatch_audit_log \((.*?)\)", sql, re.DOTALL)
    keys = [(cells[0].strip("`"), cells[1].split("`")[1]) for cells in rows(section(text, "## Keys and indexes"))]
    assert keys == [("lockwatch_audit_log_pkey", created[2]), *indexes]
