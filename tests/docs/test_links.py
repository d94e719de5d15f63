"""Links between the pages of the repository lead to files that exist, and to headings."""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.parse import unquote

import pytest

from examples.machine import REPOSITORY
from reference_pages import headings, lines_outside_of_code

_LINK = re.compile(r"\]\(([^()\s]+(?:\([^()\s]*\)[^()\s]*)*)\)|<(?:img|source)\b[^>]*? (?:src|srcset)=\"([^\"]+)\"")
_TRACKED = subprocess.run(
    ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
    cwd=REPOSITORY,
    check=True,
    capture_output=True,
    text=True,
)
PAGES = sorted(Path(line) for line in _TRACKED.stdout.splitlines() if (REPOSITORY / line).exists())


def links(page: Path) -> Iterator[tuple[str, str]]:
    """The relative links of a page: path, and anchor or nothing."""
    text = "\n".join(lines_outside_of_code((REPOSITORY / page).read_text("utf-8")))
    for target, image in _LINK.findall(text):
        path, _, anchor = (target or image).partition("#")
        if not re.match(r"[a-z][a-z0-9+.-]*:", path, re.IGNORECASE):
            yield unquote(path), anchor


@cache
def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, by the rule of GitHub, which the site follows."""
    found, seen = set[str](), Counter[str]()
    for heading in headings(page.read_text("utf-8")):
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        slug = re.sub(r"[^\w\- ]", "", text).replace(" ", "-")
        found.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
        seen[slug] += 1
    return found


@pytest.mark.parametrize("source", PAGES, ids=str)
def test_links_lead_to_files_and_headings(source: Path) -> None:
    dead = []
    for path, anchor in links(source):
        target = (REPOSITORY / source.parent / path).resolve() if path else REPOSITORY / source
        if not target.exists():
            dead.append(f"{path}: there is no such file")
        elif anchor and target.suffix == ".md" and anchor not in anchors(target):
            dead.append(f"{path}#{anchor}: there is no such heading")
    assert dead == []


def test_the_links_of_all_pages_are_found() -> None:
    assert len(PAGES) > 90
    found = [link for page in PAGES for link in links(page)]
    assert len(found) > 500
    assert len([anchor for _, anchor in found if anchor]) > 150
