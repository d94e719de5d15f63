"""The pages of the refresh token, the webhook and the audit table agree with the source."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

from examples.blocks import read_blocks
from examples.machine import REPOSITORY
from reference_pages import REFERENCE, code, codes, page, table

TOKEN = page("refresh-token.md")
WEBHOOK = page("webhook.md")
AUDIT = page("audit-table.md")


def unwrapped(text: str) -> str:
    """The text with its line breaks as blanks."""
    return re.sub(r"(?<=[^\n|])\n(?=[^\n|])", " ", text)


def examples(language: str, text: str) -> list[str]:
    """The texts of the blocks of a language."""
    return [block.text for block in read_blocks(REFERENCE, text) if block.language == language]


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


def test_the_bytes_of_a_refresh_token() -> None:
    rows = table(TOKEN, "Format").rows
    lengths = {re.split("[:,]", row["what"])[0]: int(row["length"]) for row in rows}
    body, whole = int(constant("token/refresh.rs", "BODY")), int(constant("token/refresh.rs", "WHOLE"))
    assert sum(lengths.values()) == whole
    assert sum(lengths.values()) - lengths["authentication code"] == body
    text, version = unwrapped(TOKEN), constant("token/refresh.rs", "VERSION")
    assert f"an opaque text of {constant('token/refresh.rs', 'LENGTH')} characters" in text
    assert [row["encoding"] for row in rows if row["what"] == "version"] == [version]
    domain = constant("token/refresh.rs", "DOMAIN").removeprefix('b"').removesuffix('\\0"')
    assert f"`{domain}`, a NUL byte" in text
    ends = [int(row["bytes"].split(" ")[-1]) for row in rows]
    assert ends == [sum(list(lengths.values())[: i + 1]) - 1 for i in range(len(ends))]
    [token] = examples("text", TOKEN)
    decoded = base64.urlsafe_b64decode(token.removeprefix("lwr_"))
    assert (token[:4], decoded[0], len(decoded)) == ("lwr_", int(version), whole)


def test_the_waits_between_tries() -> None:
    units = {"SECOND": "s", "MINUTE": "m", "HOUR": "h"}
    waits = re.findall(r"Span\((?:(\d+) \* )?(SECOND|MINUTE|HOUR)\)", constant("alert/schedule.rs", "WAITS"))
    shown = [f"{number or 1} {units[unit]}" for number, unit in waits]
    assert len(shown) == 9
    assert f"comes in {shown[0]}, then {', '.join(shown[1:-1])} and {shown[-1]}" in unwrapped(WEBHOOK)


def members(heading: str) -> list[str]:
    """The members in the table under a heading."""
    return [name for row in table(WEBHOOK, heading, "member").rows for name in codes(row["member"])]


def alerts() -> dict[str, dict[str, Any]]:
    """The alerts that the page shows, by their types. Of one type the last counts."""
    shown = [json.loads(text) for text in examples("json", WEBHOOK)]
    return {alert["type"]: alert for alert in shown if "type" in alert}


def test_the_members_of_the_modules_own_alerts() -> None:
    for heading, path in [("burst", "burst/data.rs"), ("Stolen and forged tokens", "token/incident.rs")]:
        assert sorted(members(heading)) == sorted(fields_of(path, "Data"))
    of_guards = {name for struct in ("Data", "About", "ByOperator") for name in fields_of("guard/report.rs", struct)}
    assert set(members("Guards")) == of_guards - {"about"} | set(fields_of("guard/lost.rs", "Data"))
    scheduler = source("audit/scheduler.rs")
    assert set(members("audit")) == {name for name, _ in re.findall(r'(?m)^        "(\w+)": (.*),$', scheduler)}


def test_the_examples_of_alerts_have_the_members_of_their_tables() -> None:
    shown = alerts()
    for alert in shown.values():
        assert list(alert) == members("Body")
    tokens = "Stolen and forged tokens"
    for kind, heading in [("burst", "burst"), ("token.reuse", tokens), ("disk.full.summary", "summary")]:
        of_others = {"claims_may_be_older"} if heading == tokens else set()
        assert sorted(shown[kind]["data"]) == sorted(set(members(heading)) - of_others), kind
    of_guards = [set(shown[f"guard.{kind}"]["data"]) for kind in ("ban", "allow", "lost")]
    assert set(members("Guards")) - set.union(*of_guards) == {"free_key", "in_place_of_ban", "ended"}
    of_audit = [set(shown[f"audit.{kind}"]["data"]) for kind in ("lag", "refused", "dead")]
    assert set.union(*of_audit) == set(members("audit"))
    assert set.intersection(*of_audit) == {"pending", "last_error"}


def test_every_type_of_the_modules_own_alerts_is_listed() -> None:
    listed = {code(row["type"]) for row in table(WEBHOOK, "Types").rows} - {"….summary"}
    everything = "\n".join(path.read_text("utf-8") for path in (REPOSITORY / "src").rglob("*.rs"))
    raised = set(re.findall(r'raise::own(?:_once)?\(\w+, (?:now, )?"([\w.]+)"', everything))
    raised |= {constant("token/incident.rs", name).strip('"') for name in ("REUSE", "FORGERY", "ROLLBACK")}
    raised.add(constant("alert/manage/test.rs", "KIND").strip('"'))
    # The summary is an audit event only.
    of_guards = set(re.findall(r'const \w+: &str = "(guard\.\w+)";', source("guard/report.rs"))) - {"guard.summary"}
    assert listed == raised | of_guards
    assert (len(raised), len(of_guards)) == (8, 11)


def test_the_headers_of_a_request() -> None:
    shown = {row["header"].strip("`") for row in table(WEBHOOK, "Request").rows} - {"others"}
    sent = set(re.findall(r'\.header\("([\w-]+)"', source("alert/webhook.rs")))
    assert sent | {"content-type", "content-length", "user-agent"} == shown


def test_the_columns_and_indexes_of_the_audit_table() -> None:
    migrations = sorted((REPOSITORY / "src/audit/migrations").glob("*.sql"))
    assert len(migrations) == 1, "a migration was added: describe it on the page"
    sql = re.sub(r"--.*", "", migrations[0].read_text("utf-8"))
    created = re.search(r"CREATE TABLE lockwatch_audit_log \((.*?)PRIMARY KEY \((.*?)\)", sql, re.DOTALL)
    assert created
    columns = re.findall(r'(?m)^\s+"?(\w+)"?\s+(\w+(?: \w+)?)\s*?( NOT NULL)?,$', created[1])
    shown = [(code(row["column"]), code(row["type"]), row["null"]) for row in table(AUDIT, "lockwatch_audit_log").rows]
    assert shown == [(name, kind.removesuffix(" NOT"), "no" if required else "yes") for name, kind, required in columns]
    assert len(columns) == 13
    indexes = re.findall(r"CREATE INDEX (\w+) ON lockwatch_audit_log \((.*?)\)", sql, re.DOTALL)
    keys = [(code(row["index"]), code(row["columns"])) for row in table(AUDIT, "Keys and indexes").rows]
    assert keys == [("lockwatch_audit_log_pkey", created[2]), *indexes]
