"""The runner of examples finds the faults of a page."""

from __future__ import annotations

import re
import textwrap
import time
from pathlib import Path

import pytest

from examples.blocks import ExampleError
from examples.machine import Machine
from examples.page import Outcome, run_page
from examples.ports import Ports
from examples.transcript import difference

PAGE = Path("page.md")


def run(machine: Machine, text: str, deadline: float = 30.0) -> Outcome:
    return run_page(machine, PAGE, textwrap.dedent(text), deadline)


def test_a_page_that_is_right_passes(machine: Machine) -> None:
    outcome = run(
        machine,
        """
        ```redis
        > LW.RATELIMIT user:42 100 60
        1) (integer) 0
        2) (integer) 100
        3) (integer) 99
        4) (integer) 0
        5) (integer) 60000
        > MULTI
        OK
        > SET a 1
        QUEUED
        > EXEC
        1) OK
        > LW.ISSUE auth alice
        1) "eyJ…"
        2) "lwr_…"
        …
        > LW.VERIFY auth eyJ…
        "{…\\"sub\\":\\"alice\\"…}"
        > LW.RATELIMIT a
        (error) ERR …
        ```

        ```console
        $ redis-cli -p 6379 LW.PEEK user:42 100 60 COST 0
        1) (integer) 0
        2) (integer) 100
        3) (integer) 99
        …
        $ name=value; cd /
        ```

        A list:

        1. one
           ```sh
           test "$name" = value
           test "$PWD" = /
           ```

        ```python
        # stored.py
        PORT = 8000
        URL = "redis://localhost"
        ```

        ```python
        import redis, stored
        assert redis.Redis.from_url(stored.URL).get("a") == b"1"
        ```

        ```js
        import { Redis } from "ioredis";
        import { LockWatch } from "lockwatch";
        import "express"; import "fastify";
        const redis = new Redis("redis://localhost:6379");
        console.log(typeof LockWatch, await redis.get("a"));
        await redis.quit();
        ```

        ```ts
        const n: number = 1;
        console.log(n);
        ```

        ```conf
        maxmemory 1gb
        ```

        ```text
        maxmemory 1gb
        ```

        ```go
        result, err := lw.RateLimit(ctx, "a:go", lockwatch.MustParseLimits("5/minute"))
        if err != nil {
            return err
        }
        fmt.Println(result.Remaining)
        ```

        ```go
        type shop struct{}

        func (s *shop) serve(w http.ResponseWriter) { w.WriteHeader(http.StatusTeapot) }
        ```

        <!-- not run: needs a cluster -->
        ```ruby
        nonsense
        ```
        """,
    )
    assert outcome.run == {"redis": 1, "console": 1, "sh": 1, "python": 1, "js": 1, "ts": 1, "conf": 1, "go": 2}
    assert (outcome.saved, outcome.shown) == (1, 1)
    assert outcome.not_run == ["page.md:90: needs a cluster"]


def test_curl_waits_for_an_application_in_the_background(machine: Machine) -> None:
    run(
        machine,
        """
        ```python
        # app.py
        async def app(scope, receive, send):
            if scope["type"] == "http":
                await send({"type": "http.response.start", "status": 200, "headers": []})
                await send({"type": "http.response.body", "body": b"hello"})
        ```

        ```console
        $ uvicorn app:app --port 8000 &
        [1] 12345
        $ curl -i localhost:8000/
        HTTP/1.1 200 OK
        date: …
        …

        hello
        $ kill %1
        ```
        """,
    )


def test_a_page_with_5432_has_a_database(machine: Machine) -> None:
    run(
        machine,
        """
        ```sh
        echo postgres://lockwatch@localhost:5432/lockwatch >database
        redis-cli CONFIG SET lockwatch.postgres-url-file "$PWD/database"
        redis-cli LW.AUDIT USER alice
        until redis-cli INFO lockwatch | grep lockwatch_audit_pending:0; do sleep 0.05; done
        ```

        ```sql
        CREATE TABLE made (n int);
        ```

        ```console
        $ psql -Atc 'SELECT count(*) FROM made'
        0
        $ psql -c 'SELECT user_id FROM lockwatch_audit_log'
         user_id
        ---------
         alice
        (1 row)
        ```
        """,
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('```redis\n> SET a 1\nOK\n> GET a\n"2"\n```', r'page.md:4: > GET a\n.*\n  - "2"\n  \+ "1"'),
        ("```redis\n> GET a\n```", r"\+ \(nil\)"),
        ("```redis\n> GET x…\n```", "no output before this command has a word that begins with 'x'"),
        ("```redis\nOK\n```", "a transcript begins with a command"),
        ("```console\n$ echo a\nb\n```", r"page.md:2: \$ echo a\n.*\n  - b\n  \+ a"),
        ("```console\n$ echo a\n```", r"\+ a"),
        ("```console\n$ false\n```", "exit status 1"),
        ("```console\n$ exit 3\n```", "ended the page's shell"),
        ("text\n\n```sh\necho why\nfalse\ntrue\n```", r"page.md:3: this script ended the page's shell(.|\n)*why"),
        ("```python\nassert 1 == 2\n```", r"page.md:1: python ended with status 1(.|\n)*line 2.*(.|\n)*AssertionError"),
        ("```js\nthrow new Error('no')\n```", "page.md:1: node ended with status 1"),
        ("```ts\nconst = 1;\n```", "this is no TypeScript"),
        ("```sql\nSELECT * FROM missing;\n```", "psql ended with status 3"),
        ("```json\n// README.md\n{}\n```\n```sh\ntrue\n```", "would overwrite a file of the repository"),
        ("```pascal\n```", "unknown language 'pascal'"),
        ("```\n```", "unknown language ''"),
        ("```ruby\n```", "nothing here runs ruby"),
        ('```go\nreturn errors.New("no")\n```', r"page.md:1: the program ended with status 1(.|\n)*no"),
        ("```go\nx := 1\n```", r"page.md:1: this does not compile(.|\n)*page.md:2: declared and not used"),
        ("```go\n// main.go\nfunc {\n```", "page.md:1: this is no go"),
        ("```sh\ntrue", "this block is not closed"),
        ("```redis\n> LW.RATELIMIT a\n…\n```", r"\+ \(error\) ERR"),
        ("```console\n$ redis-cli LW.RATELIMIT a\n…\n```", r"\+ \(error\) ERR"),
        ("```sh\nredis-cli LW.RATELIMIT a\ntrue\n```", "page.md:1: this script ended the page's shell(.|\n)*ERR"),
        ("```conf\nmaxmemory much\n```", "page.md:1: a server does not start with this"),
        ("<!-- not run: why -->\n```sh\nif true\n```", "page.md:2: this is no sh"),
        ("<!-- not run: why -->\n```js\nconst = 1;\n```", "page.md:2: this is no js"),
        ("```python\n# app.py\ndef f(:\n```", "page.md:1: this is no python: line 2"),
        ('```json\n{"a":1,}\n```', "page.md:1: this is no json"),
        ("<!-- not run: -->\n```sh\nfalse\n```", "page.md:1: write the reason"),
        ("<!-- not run -->\n```sh\nfalse\n```", "write the reason"),
        ("<!-- not run: why -->\ntext\n```sh\nfalse\n```", "no block follows"),
    ],
)
def test_a_mistake_is_found(machine: Machine, text: str, message: str) -> None:
    with pytest.raises(ExampleError, match=message):
        run_page(machine, PAGE, text, 30.0)


@pytest.mark.parametrize(
    "text",
    [
        "```sh\nsleep 60\n```",
        "```console\n$ sleep 60\n```",
        "```python\nimport time\ntime.sleep(60)\n```",
        "```redis\n> BLPOP nothing 60\n```",
    ],
)
def test_a_block_that_hangs_is_ended(machine: Machine, text: str) -> None:
    began = time.monotonic()
    with pytest.raises(ExampleError, match=r"after 0\.5 s"):
        run_page(machine, PAGE, text, 0.5)
    assert time.monotonic() - began < 20


def runs(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and ") Z " not in stat.read_text()


def test_what_a_page_starts_ends_with_it(machine: Machine, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    page = f"""
        ```sh
        setsid sleep 300 & echo $! >{pids}
        redis-server --port 6381 --save '' --daemonize yes --dir "$TMPDIR"
        until redis-cli -p 6381 INFO server | grep process_id >>{pids}; do sleep 0.05; done
        ```
        """
    run(machine, page)
    started = [int(pid) for pid in re.findall(r"\d+", pids.read_text())]
    assert len(started) == 2
    assert not [pid for pid in started if runs(pid)]


def test_a_command_may_have_several_lines(machine: Machine) -> None:
    run_page(machine, PAGE, "```console\n$ echo a \\\n>   b\na b\n$ for i in 1 2; do\n>   echo $i\n> done\n1\n2\n```")


@pytest.mark.parametrize(
    ("expected", "actual", "equal"),
    [
        ("a…c", "abc", True),
        ("a…c", "ab\nc", False),
        ("a\n…\nd", "a\nb\nc\nd", True),
        ("a\n…\nd", "a\nd", True),
        ("a\n…", "a", True),
        ("a.c", "abc", False),
        ("", "", True),
        ("", "a", False),
        ("a\n\n", "a  \n", True),
    ],
)
def test_an_ellipsis_matches_text_or_lines(expected: str, actual: str, equal: bool) -> None:
    assert (difference(expected.split("\n"), actual.split("\n")) is None) == equal


def test_only_ports_are_replaced() -> None:
    ports = Ports()
    for number, well_known in enumerate((6379, 5432, 8000, 3000, 9000, 7000)):
        ports.use(well_known, 20_000 + number)
    same = ("LW.RATELIMIT a 3000 9000", '"retry":3000', "{max: 3000}", "16379 5432.1", "-p ab", "rest:3000")
    for text in same:
        assert ports.substitute(text) == text
    assert ports.substitute("redis://localhost/0 redis://:pw@127.0.0.1") == (
        "redis://localhost:20000/0 redis://:pw@127.0.0.1:20000"
    )
    assert (
        ports.substitute("postgres://lockwatch@localhost/lockwatch") == "postgres://lockwatch@localhost:20001/lockwatch"
    )
    assert ports.substitute("--port 8000; port=3000; listen(9000); http://localhost:8000/; -p 7000; -b :8000") == (
        "--port 20002; port=20003; listen(20004); http://localhost:20002/; -p 20005; -b :20002"
    )
    assert ports.substitute("listen({ port: 3000 }); PORT=3000 0.0.0.0:9000") == (
        "listen({ port: 20003 }); PORT=20003 0.0.0.0:20004"
    )
