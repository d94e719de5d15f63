"""Runs the blocks of one page from top to bottom, with a server of its own."""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from lockwatch.testing import RedisServer

from .blocks import Block, read_blocks
from .golang import make_workspace, whole_program
from .machine import Machine, program
from .ports import POSTGRES, SERVER, Ports
from .redis_cli import RedisCli
from .services import directory, end_processes, link_repository, postgres, server
from .shell import Shell, ShellError
from .syntax import syntax_error
from .transcript import Seen, difference, read_steps

#: Paths of the module that examples use, besides the real one.
_MODULE = re.compile(r"(?:/usr/lib/redis/modules|(?:\./)?target/release)/liblockwatch\.so")
_JOB = re.compile(r"^\[\d+\] (\d+|…)$")
_COMPILE = Path(__file__).with_name("compile.mjs")


@dataclass
class Outcome:
    """How many blocks of a page were run, saved, shown or skipped."""

    run: Counter[str] = field(default_factory=Counter)
    saved: int = 0
    shown: int = 0
    not_run: list[str] = field(default_factory=list)


def follows_convention(text: str) -> bool:
    """Whether a README that is not in docs/ has examples by the convention."""
    return bool(re.search(r"^ *```(redis|console|sh)\b|^ *<!-- not run", text, re.MULTILINE))


def run_page(machine: Machine, page: Path, text: str, deadline: float = 60.0) -> Outcome:
    """Runs a page whose text is `text`. Raises an ExampleError for the first block that fails.

    `deadline` is for each block, in seconds.
    """
    blocks = read_blocks(page, text)
    outcome = Outcome()
    for block in blocks:
        if not block.is_run and (error := syntax_error(block)):
            raise block.error(f"this is no {block.language}: {error}")
        if block.not_run is not None:
            outcome.not_run.append(f"{page}:{block.line}: {block.not_run}")
        elif block.file_name is not None:
            outcome.saved += 1
        elif not block.is_run:
            outcome.shown += 1
    if any(block.is_run for block in blocks):
        with _Run.open(machine, blocks, deadline) as run:
            for block in blocks:
                run.block(block)
                if block.is_run:
                    outcome.run[block.language] += 1
    return outcome


class _Run:
    def __init__(self, machine: Machine, root: Path, ports: Ports, postgres_port: int | None, deadline: float) -> None:
        self._machine = machine
        self._ports = ports
        self._deadline = deadline
        self._count = 0
        self._seen = Seen()
        self._directory = root / "page"
        self._files = root / "run"
        self._directory.mkdir()
        self._files.mkdir()
        link_repository(self._directory, machine)
        self._environment = machine.environment(self._files, ports.real(SERVER), postgres_port)
        self._shell = Shell(self._directory, self._environment, self._files)

    @staticmethod
    @contextlib.contextmanager
    def open(machine: Machine, blocks: list[Block], deadline: float) -> Iterator[_Run]:
        """Starts the services of a page; afterwards stops them and all processes of the page."""
        ports = Ports()
        active = [block for block in blocks if block.not_run is None]
        with contextlib.ExitStack() as stack:
            root = stack.enter_context(directory(machine.directory))
            postgres_port = None
            if any(
                re.search(rf"\b{POSTGRES}\b", block.text) or (block.language == "sql" and block.is_run)
                for block in active
            ):
                postgres_port = stack.enter_context(postgres())
                ports.use(POSTGRES, postgres_port)
            stack.enter_context(server(machine, ports.real(SERVER), blocks[0].page))
            run = _Run(machine, root, ports, postgres_port, deadline)
            stack.callback(end_processes, root)
            stack.callback(run._shell.close)
            yield run

    def block(self, block: Block) -> None:
        """Runs or saves a block."""
        if block.not_run is not None:
            return
        if block.file_name is not None:
            self._save(block, block.file_name)
        elif block.is_run:
            run = {
                "redis": self._redis,
                "console": self._console,
                "sh": self._sh,
                "python": self._python,
                "go": self._go,
                "js": self._js,
                "ts": self._ts,
                "sql": self._sql,
                "conf": self._conf,
            }[block.language]
            try:
                run(block)
            except (ShellError, ValueError) as error:
                raise block.error(str(error)) from error

    def _real(self, text: str) -> str:
        return self._ports.substitute(_MODULE.sub(lambda _: str(self._machine.module), text))

    def _save(self, block: Block, name: str) -> None:
        path = self._directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.parent.resolve().is_relative_to(self._directory.resolve()) or path.is_symlink():
            raise block.error(f"{name} would overwrite a file of the repository: choose another name")
        text = self._real(block.text)
        if block.language == "json":
            text = text.split("\n", 1)[-1]
        path.write_text(text + "\n", "utf-8")

    def _redis(self, block: Block) -> None:
        # One command after the other on one connection, but a word may depend on earlier replies.
        steps = read_steps(block.text, "> ")
        client = RedisCli(self._environment, self._deadline)
        try:
            for step in steps:
                try:
                    command = self._seen.complete(self._real(step.command))
                    reply = client.call(command)
                except (ShellError, ValueError) as error:
                    raise block.error(f"{step.command}: {error}", step.offset) from error
                self._seen.add("\n".join(reply))
                if found := difference(self._real("\n".join(step.expected)).split("\n"), reply):
                    raise block.error(f"> {step.command}\n{found}", step.offset)
        finally:
            client.close()

    def _console(self, block: Block) -> None:
        for step in read_steps(block.text, "$ "):
            command, expected = step.command, list(step.expected)
            while expected and _continues(command):
                command += "\n" + re.sub("^> ", "", expected.pop(0))
            in_background = re.search(r"(?<!&)&\s*$", command) is not None
            if in_background:
                expected = [line for line in expected if not _JOB.match(line)]
            try:
                script = self._seen.complete(self._real(command))
                status, shown = self._shell.run(script, self._deadline, self._log() if in_background else None)
            except (ShellError, ValueError) as error:
                raise block.error(f"$ {step.command}: {error}\n{self._logs()}", step.offset) from error
            self._seen.add(shown)
            if found := difference(self._real("\n".join(expected)).split("\n"), shown.split("\n")):
                raise block.error(f"$ {command}\n{found}\n{self._logs()}", step.offset)
            if status and not "".join(expected).strip():
                raise block.error(f"$ {command}\nexit status {status}", step.offset)

    def _sh(self, block: Block) -> None:
        log = self._log()
        try:
            script = f"set -e\nDOCS_REDIS_CLI_FAILS=1\n{self._real(block.text)}\nDOCS_REDIS_CLI_FAILS=\nset +e"
            status, _ = self._shell.run(script, self._deadline, log)
        except ShellError as error:
            raise block.error(f"this script {error}\n{self._logs()}") from error
        if status:
            raise block.error(f"this script ended with status {status}\n{self._logs()}")

    def _python(self, block: Block) -> None:
        self._program(block, "python", [sys.executable], self._real(block.text), ".py")

    def _js(self, block: Block) -> None:
        self._program(block, "node", [program("node")], self._real(block.text), ".mjs")

    def _go(self, block: Block) -> None:
        workspace = self._files / "go"
        if not workspace.exists():
            make_workspace(workspace)
        # Compiled here, and run in the page's directory.
        self._count += 1
        source, program_file = workspace / f"block-{self._count}.go", workspace / f"block-{self._count}"
        source.write_text(f"//line {block.page.name}:{block.line}\n{self._real(whole_program(block.text))}\n", "utf-8")
        build = subprocess.run(
            [program("go"), "build", "-o", str(program_file), source.name],
            check=False,
            capture_output=True,
            text=True,
            env=self._environment,
            cwd=workspace,
        )
        if build.returncode:
            raise block.error(f"this does not compile: {build.stderr}")
        self._command(block, "the program", [str(program_file)])

    def _ts(self, block: Block) -> None:
        compiled = subprocess.run(
            [program("node"), str(_COMPILE)],
            check=False,
            input=self._real(block.text),
            capture_output=True,
            text=True,
            env=self._environment,
            cwd=self._directory,
        )
        if compiled.returncode:
            raise block.error(f"this is no TypeScript: {compiled.stderr}")
        self._program(block, "node", [program("node")], compiled.stdout, ".mjs")

    def _sql(self, block: Block) -> None:
        command = [program("psql"), "-Xq", "-v", "ON_ERROR_STOP=1", "-f"]
        self._program(block, "psql", command, self._real(block.text), ".sql")

    def _conf(self, block: Block) -> None:
        self._count += 1
        path = self._directory / f"block-{self._count}.conf"
        path.write_text(self._real(block.text) + "\n", "utf-8")
        module = None if "loadmodule " in block.text else str(self._machine.module)
        # redis-server takes a configuration file as its first argument only, and `include` as any.
        try:
            with RedisServer("--include", str(path), module=module):
                pass
        except RuntimeError as error:
            raise block.error(f"a server does not start with this: {error}") from error

    def _program(self, block: Block, name: str, command: list[str], text: str, suffix: str) -> None:
        self._count += 1
        script = self._directory / f"block-{self._count}{suffix}"
        # Empty lines in front, so that a message names the page's line.
        script.write_text("\n" * block.line + text + "\n", "utf-8")
        self._command(block, name, [*command, script.name])

    def _command(self, block: Block, name: str, command: list[str]) -> None:
        log = self._log()
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                cwd=self._directory,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
            try:
                status = process.wait(self._deadline)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise block.error(f"{name} is still running after {self._deadline:g} s\n{self._logs()}") from None
        self._seen.add(log.read_text("utf-8", "replace"))
        if status:
            raise block.error(f"{name} ended with status {status}\n{self._logs()}")

    def _log(self) -> Path:
        self._count += 1
        return self._files / f"output-{self._count}.log"

    def _logs(self) -> str:
        """The ends of the outputs that a page does not show, for an error message."""
        parts = []
        for log in sorted(self._files.glob("output-*.log"), key=lambda path: path.stat().st_mtime)[-4:]:
            lines = log.read_text("utf-8", "replace").rstrip().split("\n")[-30:]
            if lines != [""]:
                parts.append(f"--- {log.name}\n" + "\n".join(lines))
        return "\n".join(parts)


def _continues(command: str) -> bool:
    """Whether the command goes on in the next line."""
    if command.endswith("\\"):
        return True
    check = subprocess.run(["bash", "-n", "-c", command], check=False, capture_output=True, text=True)
    return "unexpected E" in check.stderr or "unexpected end of file" in check.stderr or "here-document" in check.stderr
