#!/usr/bin/env python3
"""Records `lockwatch top` into docs/images: top.svg at 80x24, animated, and top-wide.svg.

    scripts/screens.py PROGRAM PORT

PROGRAM is the path of the program, and PORT that of a server that has been under the traffic of
scripts/traffic.py for a minute, so that there is something to see. Needs Python 3.10 and tmux, in
which the program runs.
"""

import argparse
import html
import re
import subprocess
import time
from dataclasses import dataclass, replace
from pathlib import Path

from svg import MONO, head

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"

# The colours of the terminal, and its sixteen.
INK, PAGE, FAINT = "#e6edf3", "#0d1117", "#8b949e"
COLOURS = ["#484f58", "#ff7b72", "#7ee787", "#e3b341", "#79c0ff", "#d2a8ff", "#56d4dd", "#b1bac4"]
COLUMN, ROW, SIZE = 8.05, 18, 13.4
MARGIN, BAR = 14, 38
BARS = "▁▂▃▄▅▆▇█"


@dataclass(frozen=True)
class Style:
    """How a character looks."""

    colour: str = ""
    bold: bool = False
    faint: bool = False
    reverse: bool = False

    def then(self, codes: str) -> "Style":
        """This style after `ESC [ codes m`."""
        style = self
        numbers = [int(code or 0) for code in codes.split(";")]
        if numbers[:2] == [38, 5] and numbers[2] < 8:
            return replace(style, colour=COLOURS[numbers[2]])
        for code in numbers:
            if code == 0:
                style = Style()
            elif code == 1:
                style = replace(style, bold=True)
            elif code == 2:
                style = replace(style, faint=True)
            elif code == 7:
                style = replace(style, reverse=True)
            elif 30 <= code <= 37:
                style = replace(style, colour=COLOURS[code - 30])
            elif code == 39:
                style = replace(style, colour="")
        return style


class Terminal:
    """The program in tmux."""

    def __init__(self, program: str, port: int, columns: int, rows: int) -> None:
        self.socket = f"lockwatch-screens-{columns}"
        command = f"{program} top --redis redis://127.0.0.1:{port}"
        self.tmux("new-session", "-d", "-x", str(columns), "-y", str(rows), command)
        # The session's own default would wait to see whether Esc begins another key.
        self.tmux("set-option", "-s", "escape-time", "0")

    def tmux(self, *words: str) -> str:
        command = ["tmux", "-L", self.socket, "-f", "/dev/null", *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def press(self, *keys: str) -> None:
        for key in keys:
            self.tmux("send-keys", key)
            time.sleep(0.2)

    def lines(self) -> list[str]:
        return self.tmux("capture-pane", "-e", "-N", "-p").splitlines()

    def close(self) -> None:
        self.tmux("kill-server")


def spans(line: str) -> list[tuple[int, str, Style]]:
    """The parts of a line that look the same, each with its first column."""
    parts: list[tuple[int, str, Style]] = []
    style, column = Style(), 0
    for codes, text in re.findall(r"\x1b\[([\d;]*)m|([^\x1b]+)", line):
        if text:
            parts.append((column, text, style))
            column += len(text)
        else:
            style = style.then(codes)
    return parts


def row(line: str, y: int) -> str:
    """A line of the screen: backgrounds first, then the text."""
    boxes, texts = [], []
    for column, text, style in spans(line):
        x, width = MARGIN + column * COLUMN, len(text) * COLUMN
        colour = style.colour or (FAINT if style.faint else INK)
        if style.reverse:
            boxes.append(f'<rect x="{x:.1f}" y="{y - 13.5}" width="{width:.1f}" height="{ROW}" fill="{INK}"/>')
            colour = PAGE
        weight = ' font-weight="700"' if style.bold else ""
        for index, char in enumerate(text):
            if char in BARS:
                # Fonts differ in where they draw these.
                height = (BARS.index(char) + 1) / len(BARS) * (ROW - 2)
                boxes.append(
                    f'<rect x="{x + index * COLUMN:.1f}" y="{y + 3.5 - height:.1f}" width="{COLUMN - 0.8:.1f}" '
                    f'height="{height:.1f}" fill="{colour}"/>'
                )
        for part in re.finditer(rf"[^\s{BARS}](?:[^{BARS}]*[^\s{BARS}])?", text):
            word = part[0]
            texts.append(
                f'<text x="{x + part.start() * COLUMN:.1f}" y="{y}" fill="{colour}"{weight} '
                f'textLength="{len(word) * COLUMN:.1f}" xml:space="preserve">{html.escape(word)}</text>'
            )
    return "".join(boxes + texts)


def picture(frames: list[tuple[list[str], float]], columns: int, rows: int, title: str, text: str) -> str:
    """Shows each frame for so many seconds, and then all of them again. Without motion, the first."""
    width, height = round(2 * MARGIN + columns * COLUMN), BAR + rows * ROW + MARGIN
    total = sum(seconds for _, seconds in frames)
    styles, groups, at = [], [], 0.0
    for number, (lines, seconds) in enumerate(frames):
        begin, end = 100 * at / total, 100 * (at + seconds) / total
        at += seconds
        body = "\n".join(row(line, BAR + 14 + index * ROW) for index, line in enumerate(lines))
        groups.append(f'<g class="f{number}">\n{body}\n</g>')
        if len(frames) > 1:
            before = f"0%,{begin:.2f}%{{visibility:hidden}}" if begin else ""
            after = f"{end:.2f}%,100%{{visibility:hidden}}" if end < 100 else ""
            styles.append(
                f"@keyframes f{number}{{{before}{begin + 0.01:.2f}%,{end - 0.01:.2f}%{{visibility:visible}}{after}}}"
                f".f{number}{{animation:f{number} {total:.1f}s step-end infinite}}"
            )
            if number:
                styles.append(f"@media (prefers-reduced-motion:reduce){{.f{number}{{display:none}}}}")
    styles.append("@media (prefers-reduced-motion:reduce){g{animation:none!important}}")
    return (
        head(width, height, title, text)
        + f"<style>{''.join(styles)}</style>\n"
        + f'<rect width="{width}" height="{height}" rx="10" fill="{PAGE}"/>\n'
        + '<circle cx="20" cy="19" r="6" fill="#ff5f57"/><circle cx="40" cy="19" r="6" fill="#febc2e"/>'
        + '<circle cx="60" cy="19" r="6" fill="#28c840"/>\n'
        + f'<g font-family="{MONO}" font-size="{SIZE}">\n'
        + "\n".join(groups)
        + "\n</g>\n</svg>\n"
    )


def session(terminal: Terminal) -> list[tuple[list[str], float]]:
    """What an operator does who is called because of an attack."""
    frames: list[tuple[list[str], float]] = []

    def show(*keys: str, times: int = 1, each: float = 1) -> None:
        """Presses the keys, and then records a frame a second, each of which is shown so long."""
        terminal.press(*keys)
        for _ in range(times):
            time.sleep(1)
            frames.append((terminal.lines(), each))

    time.sleep(30)
    show(times=5)
    show("Enter", each=4)
    show("q", "2", times=3)
    show("Enter", each=5)
    show("q", "4", times=3)
    show("5", each=2)
    show("6", each=2)
    show("1", "/", "k", "e", "y", each=3)
    return frames


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", help="the path of the program")
    parser.add_argument("port", type=int, help="the port of a server under traffic")
    options = parser.parse_args()
    narrow, wide = (Terminal(options.program, options.port, *size) for size in ((80, 24), (150, 40)))
    try:
        frames = session(narrow)
        last = wide.lines()
    finally:
        narrow.close()
        wide.close()
    text = (
        "At the top: new bans by rules of the login, calls and denials a second. Below: the keys that were denied most."
    )
    (IMAGES / "top.svg").write_text(picture(frames, 80, 24, "A recording of lockwatch top during an attack", text))
    title = "lockwatch top on a wide terminal during an attack"
    (IMAGES / "top-wide.svg").write_text(picture([(last, 1)], 150, 40, title, text))


if __name__ == "__main__":
    main()
