"""The pages about the shared cases of the clients, compared with the file."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from examples.machine import REPOSITORY

DOCUMENT: dict[str, Any] = json.loads((REPOSITORY / "clients" / "conformance.json").read_text("utf-8"))
SECTIONS = set(DOCUMENT) - {"version", "defaults"}
PAGES = ["clients/CONFORMANCE.md", "docs/guides/write-a-client.md"]


@pytest.mark.parametrize("path", PAGES)
def test_each_section_is_described(path: str) -> None:
    page = (REPOSITORY / path).read_text("utf-8")
    # CONFORMANCE.md describes the cases themselves under a heading.
    named = set(re.findall(r"`([a-z_]+)`", page)) | ({"cases"} if "## A case" in page else set())
    assert named >= SECTIONS


def test_each_kind_of_error_is_described() -> None:
    page = (REPOSITORY / "clients" / "CONFORMANCE.md").read_text("utf-8")
    rows = re.findall(r"(?m)^\| ((?:`[a-z_]+` ?)+)\|", page.split("| kind | what happened |")[1].split("\n\n")[0])
    listed = set(re.findall("`([a-z_]+)`", " ".join(rows)))
    assert listed == {case["error"]["kind"] for case in DOCUMENT["calls"] if "error" in case}


@pytest.mark.parametrize("section", sorted(SECTIONS))
def test_names_are_unique(section: str) -> None:
    names = [case["name"] for case in DOCUMENT[section] if isinstance(case, dict) and "name" in case]
    if section != "policy_names":
        assert len(names) == len(set(names))
