#!/usr/bin/env python3
"""Draws the pictures of README.md into docs/images.

    scripts/images.py request-path            request-path-light.svg and request-path-dark.svg
    scripts/images.py terminal --port PORT    terminal.svg: runs the session below on the server with
                                              lockwatch at PORT, and replays what it printed and when

Needs nothing but Python 3.10 and, for the terminal, redis-cli. `scripts/serve.sh --port PORT`
starts a server. Its keys have to be new, because the session begins with unused limits.
"""

import argparse
import html
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from svg import DARK, FONT, LIGHT, MONO, Theme, head

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"


@dataclass(frozen=True)
class Palette:
    """The further colours of the request path."""

    house: str
    box: str
    line: str
    burst: str
    token: str
    audit: str


PALETTES = {
    LIGHT: Palette("#f6f8fa", "#ffffff", "#8c959f", "#fff8c5", "#dafbe1", "#fbefff"),
    DARK: Palette("#151b23", "#212830", "#656c76", "#3a2f0b", "#12361f", "#2e1a47"),
}


def request_path(theme: Theme) -> str:
    """One request: client, application, Redis, and what follows after the response."""
    colours = PALETTES[theme]
    parts: list[str] = []

    def box(x: int, y: int, width: int, height: int, fill: str, *lines: str, bold: bool = True) -> None:
        parts.append(
            f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="8" fill="{fill}" stroke="{colours.line}"/>'
        )
        first = y + height / 2 - (len(lines) - 1) * 9 + 5
        for number, line in enumerate(lines):
            weight = ' font-weight="600"' if bold and number == 0 else ""
            size = 15 if number == 0 else 12.5
            fill_text = theme.ink if number == 0 else theme.soft
            parts.append(
                f'<text x="{x + width / 2}" y="{first + number * 18:.0f}" text-anchor="middle" font-size="{size}"'
                f'{weight} fill="{fill_text}">{html.escape(line)}</text>'
            )

    def arrow(x1: int, y1: int, x2: int, y2: int, dashed: bool = False) -> None:
        dash = ' stroke-dasharray="5 4"' if dashed else ""
        parts.append(
            f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="{theme.ink}" stroke-width="1.6"'
            f'{dash} marker-end="url(#tip)"/>'
        )

    def label(x: int, y: int, text: str, mono: bool = False) -> None:
        family = f' font-family="{MONO}"' if mono else ""
        parts.append(
            f'<text x="{x}" y="{y}" text-anchor="middle" font-size="12.5" fill="{theme.soft}"{family}>{html.escape(text)}</text>'
        )

    box(16, 118, 128, 64, colours.box, "client")
    box(250, 88, 172, 124, colours.box, "your API", "FastAPI, Flask,", "Express, Fastify, …", "with middleware")
    parts.append(
        f'<rect x="560" y="22" width="214" height="256" rx="10" fill="{colours.house}" stroke="{colours.line}"/>'
        f'<text x="667" y="48" text-anchor="middle" font-size="15" font-weight="600" fill="{theme.ink}">Redis or Valkey</text>'
        f'<text x="667" y="66" text-anchor="middle" font-size="12.5" fill="{theme.soft}">with liblockwatch.so</text>'
    )
    for number, (fill, name, command) in enumerate(
        [
            (theme.blue, "limit", "LW.RATELIMIT"),
            (colours.burst, "burst", "LW.BURST"),
            (colours.token, "tokens", "LW.VERIFY"),
            (colours.audit, "audit", "LW.AUDIT"),
        ]
    ):
        y = 80 + number * 48
        parts.append(
            f'<rect x="574" y="{y}" width="186" height="40" rx="6" fill="{fill}" stroke="{colours.line}"/>'
            f'<text x="590" y="{y + 25}" font-size="14" font-weight="600" fill="{theme.ink}">{name}</text>'
            f'<text x="748" y="{y + 25}" text-anchor="end" font-size="12" font-family="{MONO}" fill="{theme.soft}">{command}</text>'
        )
    box(872, 112, 140, 52, colours.box, "webhook", "signed, retried")
    box(872, 212, 140, 52, colours.box, "Postgres", "audit table")

    arrow(144, 138, 248, 138)
    label(196, 128, "request")
    arrow(250, 164, 146, 164)
    label(196, 184, "200, or 429")
    label(196, 202, "with Retry-After")
    arrow(422, 118, 558, 118)
    label(490, 108, "one round trip")
    arrow(560, 144, 424, 144)
    label(490, 164, "admitted or denied")
    arrow(422, 194, 558, 194, dashed=True)
    label(490, 214, "after the response:")
    label(490, 231, "audit event")
    arrow(774, 138, 870, 138, dashed=True)
    label(822, 128, "alerts")
    arrow(774, 238, 870, 238, dashed=True)
    label(822, 228, "events")

    return (
        head(
            1028,
            300,
            "The path of a request",
            "A client sends a request to your API. The middleware asks Redis with lockwatch in one round trip "
            "whether the request is admitted. A denied one gets 429 with Retry-After. After the response an audit event "
            "goes to Redis. Threads in Redis send alerts to webhooks and events to Postgres.",
        )
        + f'<defs><marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto">'
        f'<path d="M0 0 L10 5 L0 10 z" fill="{theme.ink}"/></marker></defs>\n'
        f'<g font-family="{FONT}">\n<rect width="1028" height="300" fill="{theme.page}"/>\n'
        + "\n".join(parts)
        + "\n</g>\n</svg>\n"
    )


# What the terminal shows: lines of explanation, and commands, each with its output.
SESSION: list[tuple[str, str]] = [
    ("comment", "at most 3 calls in any 10 seconds"),
    ("command", "for i in 1 2 3 4; do redis-cli -p PORT LW.RATELIMIT user:42 3 10 | paste -sd ' '; done"),
    ("comment", "limited, limit, remaining, retry after (ms), reset after (ms): the 4th call is denied"),
    ("comment", "several windows in one call, and a call that costs 5"),
    ("command", "redis-cli -p PORT LW.RATELIMIT api:7 10 1s 100 1m COST 5 | paste -sd ' '"),
    ("comment", "a login gets tokens; an old refresh token ends the session"),
    ("command", "first=$(redis-cli -p PORT LW.ISSUE auth alice | sed -n 2p); echo …${first: -20}"),
    ("command", "second=$(redis-cli -p PORT LW.ROTATE auth $first | sed -n 2p); echo …${second: -20}"),
    ("command", "third=$(redis-cli -p PORT LW.ROTATE auth $second | sed -n 2p); echo …${third: -20}"),
    ("command", "redis-cli -p PORT LW.ROTATE auth $first 2>&1"),
    ("comment", "the audit log has it"),
    ("command", "redis-cli -p PORT LW.AUDITLOG QUERY KIND token.reuse COUNT 1 | tail -n 1 | cut -c 1-100"),
]

WIDTH = 100


def record(port: int) -> list[tuple[str, str, float]]:
    """Runs the session in one shell. Returns (kind, text, seconds it took) for each line."""
    shell = subprocess.Popen(["bash"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert shell.stdin is not None
    assert shell.stdout is not None
    lines: list[tuple[str, str, float]] = []
    for kind, text in SESSION:
        lines.append((kind, text.replace("redis-cli -p PORT", "redis-cli"), 0.0))
        if kind == "comment":
            continue
        began = time.monotonic()
        shell.stdin.write(text.replace("PORT", str(port)) + "\necho END-OF-OUTPUT\n")
        shell.stdin.flush()
        output = []
        while (line := shell.stdout.readline()) != "END-OF-OUTPUT\n":
            if not line:
                sys.exit(f"the shell ended at: {text}")
            output.append(line.rstrip("\n"))
        took = time.monotonic() - began
        lines += [("output", part, took) for line in output for part in wrapped(line)]
    shell.stdin.close()
    shell.wait()
    return lines


def wrapped(line: str) -> list[str]:
    return [line[at : at + WIDTH] for at in range(0, max(len(line), 1), WIDTH)]


def terminal(lines: list[tuple[str, str, float]]) -> str:
    """An animated SVG: each line appears at its time, and everything begins anew after a pause."""
    colours = {"comment": "#8b949e", "command": "#e6edf3", "output": "#7ee787"}
    # The first line is there from the beginning.
    at, starts = -0.6, []
    for number, (kind, text, took) in enumerate(lines):
        previous = lines[number - 1][0] if number else "comment"
        if kind == "command":
            at += 0.6
        elif kind == "comment":
            at += 1.6 if previous == "output" else 0.6
        else:
            at += max(took, 0.35) if previous == "command" else 0.08
        starts.append(at)
        # The time that a reader needs for what has just appeared.
        at += len(text) * 0.008
    total = at + 5
    height = 56 + len(lines) * 19 + 14
    rows = []
    styles = []
    for number, ((kind, text, _), start) in enumerate(zip(lines, starts, strict=True)):
        share = 100 * start / total
        styles.append(
            f"@keyframes a{number}{{0%,{share:.2f}%{{opacity:0}}{share + 0.01:.2f}%,99.5%{{opacity:1}}100%{{opacity:0}}}}"
            f".a{number}{{animation:a{number} {total:.1f}s linear infinite}}"
        )
        prefix = {"comment": "# ", "command": "$ ", "output": ""}[kind]
        rows.append(
            f'<text class="a{number}" x="18" y="{58 + number * 19}" fill="{colours[kind]}" xml:space="preserve">'
            f"{html.escape(prefix + text)}</text>"
        )
    return (
        head(
            880,
            height,
            "A recorded session with redis-cli",
            "Three of four calls of LW.RATELIMIT are admitted and the fourth is denied. A login gets tokens. "
            "A refresh token that was used before is refused with LWREUSED, and the audit log has the event.",
        )
        + f"<style>{''.join(styles)}"
        "@media (prefers-reduced-motion: reduce){text{animation:none!important}}</style>\n"
        f'<rect width="880" height="{height}" rx="10" fill="#0d1117"/>\n'
        '<circle cx="22" cy="20" r="6" fill="#ff5f57"/><circle cx="42" cy="20" r="6" fill="#febc2e"/>'
        '<circle cx="62" cy="20" r="6" fill="#28c840"/>\n'
        f'<g font-family="{MONO}" font-size="13.5">\n' + "\n".join(rows) + "\n</g>\n</svg>\n"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("picture", choices=["request-path", "terminal"])
    parser.add_argument("--port", type=int, help="the port of a server with lockwatch, for the terminal")
    options = parser.parse_args()
    IMAGES.mkdir(parents=True, exist_ok=True)
    if options.picture == "request-path":
        for theme in (LIGHT, DARK):
            (IMAGES / f"request-path-{theme.name}.svg").write_text(request_path(theme))
    elif options.port is None:
        parser.error("the terminal needs --port")
    else:
        (IMAGES / "terminal.svg").write_text(terminal(record(options.port)))


if __name__ == "__main__":
    main()
