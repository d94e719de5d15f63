"""The README stays short, and pages and headings that the sources name exist."""

import re
import subprocess

import pytest

from examples.machine import REPOSITORY

# A page, and perhaps a heading on it: docs/guides/audit/postgres.md, "A DEFAULT partition".
POINTER = re.compile(r'(?<![\w./-])(docs/[\w./-]+\.md)(?:\\?", |, )?(?:\\?"([^"\\\n]+)\\?")?')
NAMED_IN = ("src", "tests/it", "scripts", "packaging", "contrib", "redis.conf.example", "examples")


def pointers() -> list[tuple[str, str, str]]:
    """Where a page is named, the page, and the heading or nothing."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", *NAMED_IN], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    found = []
    for name in filter(None, listed.stdout.split("\0")):
        try:
            text = (REPOSITORY / name).read_text()
        except (UnicodeDecodeError, FileNotFoundError):
            continue
        found += [(name, page, heading) for page, heading in POINTER.findall(text)]
    return found


def test_the_readme_has_at_most_200_lines() -> None:
    assert len((REPOSITORY / "README.md").read_text().splitlines()) <= 200


def test_the_sources_name_pages_at_all() -> None:
    assert ("src/audit/partitions.rs", "docs/guides/audit/postgres.md", "A DEFAULT partition") in pointers()


@pytest.mark.parametrize(("named_in", "named", "heading"), pointers())
def test_each_page_that_a_source_names_exists_with_its_heading(named_in: str, named: str, heading: str) -> None:
    path = REPOSITORY / named
    assert path.exists(), f"{named_in} names {named}"
    if heading:
        headings = re.findall(r"^#+ (.*)$", path.read_text(), re.MULTILINE)
        assert heading in headings, f"{named_in} names “{heading}” on {named}"
