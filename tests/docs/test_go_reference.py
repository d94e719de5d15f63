"""The reference of the Go client names everything that its packages export."""

from __future__ import annotations

import re

import pytest

from examples.machine import REPOSITORY
from reference_pages import codes

CLIENT = REPOSITORY / "clients/go"
PAGE = (REPOSITORY / "docs/reference/go.md").read_text("utf-8")
ADAPTERS = ["chi", "echo", "gin", "opentelemetry", "prometheus", "ulule"]
# What is for the library that calls it, and not for an application.
OF_INTERFACES = {
    *("Describe", "Collect"),
    *("Error", "Unwrap", "String", "GoString", "LogValue"),
    *("Write", "WriteString", "WriteHeader", "WriteHeaderNow", "Flush", "FlushError", "Hijack", "ReadFrom"),
}

_FUNCTION = re.compile(r"^func (?:\(\w+ \*?([A-Z]\w*)(?:\[\w+\])?\) )?([A-Z]\w*)", re.MULTILINE)
_TYPE = re.compile(r"^type ([A-Z]\w*)(?: struct \{\n(.*?)^\})?", re.MULTILINE | re.DOTALL)
_VALUES = re.compile(r"^(?:const|var) \(\n(.*?)^\)", re.MULTILINE | re.DOTALL)
_VALUE = re.compile(r"^(?:const|var) ([A-Z]\w*)|^\t([A-Z]\w*)(?: \w+)? = |^\t([A-Z]\w*)$", re.MULTILINE)
_FIELDS = re.compile(r"^\t([A-Z]\w*(?:, [A-Z]\w*)*,?)(?=\s)", re.MULTILINE)


def exported(directory: str) -> set[str]:
    """The names that a package exports, with methods and fields."""
    names: set[str] = set()
    for path in sorted((CLIENT / directory).glob("*.go")):
        if path.name.endswith("_test.go"):
            continue
        text = re.sub(r"//.*", "", path.read_text("utf-8"))
        names |= {name for _, name in _FUNCTION.findall(text)}
        for name, fields in _TYPE.findall(text):
            names.add(name)
            for line in _FIELDS.findall(fields):
                names |= set(re.findall(r"\w+", line))
        blocks = "\n".join(_VALUES.findall(text))
        names |= {name for found in _VALUE.findall(blocks) for name in found if name}
        names |= set(re.findall(r"^(?:const|var) ([A-Z]\w*)", text, re.MULTILINE))
    return names - OF_INTERFACES


def test_the_sources_are_read() -> None:
    found = exported(".")
    assert {
        "Open",
        "RateLimit",
        "Limits",
        "ErrDenied",
        "FailLocal",
        "Never",
        "CommandTimeout",
        "Version",
        "Inherit",
    } <= found
    assert len(found) > 300


@pytest.mark.parametrize("directory", [".", *ADAPTERS])
def test_everything_exported_is_in_the_reference(directory: str) -> None:
    fenced = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
    named = set(re.findall(r"\w+", " ".join([*codes(fenced.sub("", PAGE)), *fenced.findall(PAGE)])))
    assert sorted(exported(directory) - named) == []


@pytest.mark.parametrize(("option", "milliseconds"), [("ConnectTimeout", 200), ("CommandTimeout", 100)])
def test_the_timeouts_are_those_of_the_source(option: str, milliseconds: int) -> None:
    source = (CLIENT / "options.go").read_text("utf-8")
    assert f"o.{option}, {milliseconds} * time.Millisecond" in source
    assert f"| `{option}` | {milliseconds} ms |" in PAGE
