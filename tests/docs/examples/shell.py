"""A page's shell: one bash, whose output is a terminal."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import termios
import time
from pathlib import Path

# Control sequences, such as colours.
_STYLE = re.compile(r"\x1b\[[\d;]*[A-Za-z]")
_DRIVER = Path(__file__).with_name("driver.sh")


class ShellError(Exception):
    """A script that hangs, or that ended the shell."""


class Shell:
    """Runs scripts in one bash, with a terminal for their output."""

    def __init__(self, directory: Path, environment: dict[str, str], files: Path) -> None:
        self._files = files
        self._count = 0
        self._terminal, terminal_end = pty.openpty()
        attributes = termios.tcgetattr(terminal_end)
        attributes[1] &= ~termios.OPOST  # no carriage returns
        termios.tcsetattr(terminal_end, termios.TCSANOW, attributes)
        termios.tcsetwinsize(terminal_end, (50, 200)) if hasattr(termios, "tcsetwinsize") else None
        scripts_end, self._scripts = os.pipe()
        self._statuses, statuses_end = os.pipe()
        # Bash expects its descriptors as 3 and 4.
        command = f'exec bash --noprofile --norc "$0" 3<&{scripts_end} 4>&{statuses_end}'
        close = f" {scripts_end}<&- {statuses_end}>&-" if {scripts_end, statuses_end}.isdisjoint({3, 4}) else ""
        self._process = subprocess.Popen(
            ["bash", "-c", command + close, str(_DRIVER)],
            cwd=directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=terminal_end,
            stderr=terminal_end,
            pass_fds=(scripts_end, statuses_end),
            start_new_session=True,
        )
        for end in (terminal_end, scripts_end, statuses_end):
            os.close(end)
        os.set_blocking(self._terminal, False)

    def run(self, text: str, deadline: float, output: Path | None = None) -> tuple[int, str]:
        """Runs a script; returns its exit status and what it wrote to the terminal.

        `output` is a file for its output instead. Raises a ShellError after `deadline` seconds.
        """
        self._count += 1
        script = self._files / f"script-{self._count}.sh"
        script.write_text(text + "\n", "utf-8")
        os.write(self._scripts, f"{script}\t{output or '-'}\n".encode())
        return self._await(time.monotonic() + deadline, deadline)

    def _await(self, end: float, deadline: float) -> tuple[int, str]:
        shown = b""
        while True:
            ready, _, _ = select.select([self._terminal, self._statuses], [], [], max(0.0, end - time.monotonic()))
            if not ready:
                raise ShellError(f"is still running after {deadline:g} s; so far it wrote:\n{_text(shown)}")
            if self._terminal in ready:
                shown += self._read_terminal()
            if self._statuses in ready:
                status = os.read(self._statuses, 64).decode().split()
                shown += self._read_terminal()
                if len(status) != 1:
                    code = f" with status {status[-1]}" if status else ""
                    raise ShellError(f"ended the page's shell{code}\n{_text(shown)}".rstrip())
                return int(status[-1]), _text(shown)

    def _read_terminal(self) -> bytes:
        read = b""
        try:
            while chunk := os.read(self._terminal, 65_536):
                read += chunk
        except OSError:
            # Nothing more at present, or nobody holds the other end any more.
            pass
        return read

    def close(self) -> None:
        """Closes the shell's descriptors, which ends it. What it started is not ended."""
        for end in (self._scripts, self._statuses, self._terminal):
            os.close(end)
        self._process.kill()
        self._process.wait()


def _text(output: bytes) -> str:
    return _STYLE.sub("", output.decode("utf-8", "replace").replace("\r\n", "\n"))
