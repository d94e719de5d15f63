"""The page of the errors has every code and every text that the source can reply."""

from __future__ import annotations

import re
from collections.abc import Iterator

from examples.machine import REPOSITORY
from reference_pages import page

PAGE = page("errors.md")

# Codes that Redis gives and lockwatch, too.
SHARED = {"ERR", "WRONGTYPE", "READONLY", "TRYAGAIN"}

# Functions and types whose argument is the text of an error: a literal, or a format string.
MAKERS = r"(?:TokenError::(?:Invalid|Expired|Revoked|NoKey)|Refusal::(?:Busy|Unavailable|Full)|no_key)"


def sources() -> Iterator[str]:
    """The source files, without their tests and with literals on one line."""
    for path in sorted((REPOSITORY / "src").rglob("*.rs")):
        if path.stem not in ("properties", "tests", "hostile", "debug"):
            code = path.read_text("utf-8").partition("#[cfg(test)]\nmod tests")[0]
            yield re.sub(r"\\\n\s*", "", re.sub(r"(?m)^\s*//.*\n", "", code))


def codes() -> set[str]:
    """The codes at the beginning of texts that are replied."""
    found = {code for source in sources() for code in re.findall(r'"(LW[A-Z]+|[A-Z]{3,})(?=[" ])', source)}
    return {code for code in found if code.startswith("LW") or code in SHARED}


def texts() -> set[str]:
    """The texts behind the codes, each up to the first value that a format string fills in."""
    pattern = MAKERS + r'\(\s*(?:format!\(\s*|Some\(\s*)?"((?:[^"\\]|\\.)*)"'
    found = {text for source in sources() for text in re.findall(pattern, source)}
    # Those of claims are passed through a variable.
    claims = (REPOSITORY / "src/token/claims.rs").read_text("utf-8").partition("#[cfg(test)]")[0]
    found |= set(re.findall(r'"([a-z]{3} is not [^"]*)"', claims))
    return {re.split(r"\{\w*\}", text)[0].strip() for text in found} - {""}


def section(code: str) -> str:
    """The page's section about a code."""
    return PAGE.partition(f"\n## {code}\n")[2].partition("\n## ")[0]


def test_every_code_has_a_section_and_every_section_a_code() -> None:
    documented = set(re.findall(r"(?m)^## ([A-Z]+)$", PAGE))
    assert codes() | {"OOM"} == documented
    assert len(codes()) >= 12, "the codes are no longer found in the source"


def test_every_code_says_what_it_means_and_what_to_do() -> None:
    for code in codes() | {"OOM"}:
        for point in ("Means", "From", "The application answers", "The operator"):
            assert f"\n- **{point}:** " in section(code), f"{code} does not say: {point}"


def test_every_text_is_listed() -> None:
    listed = re.sub(r"\s+", " ", PAGE).replace("20000", "")
    missing = [text for text in texts() if text.replace("{MOST_EXAMINED}", "") not in listed]
    assert not missing
    assert len(texts()) >= 45, "the texts are no longer found in the source"


def test_every_code_is_in_the_overview() -> None:
    overview = PAGE.partition("\n## ")[0]
    for code in codes() | {"OOM"}:
        assert f"[{code}](#{code.lower()})" in overview
