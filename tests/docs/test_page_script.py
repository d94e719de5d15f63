"""The script for a page that docs/guides/tokens/sessions.md shows does what its comments say."""

from __future__ import annotations

import subprocess
from pathlib import Path

from examples.blocks import read_blocks
from examples.machine import REPOSITORY, program

GUIDE = Path("docs/guides/tokens/sessions.md")
# A server in place of the network. `answers` are the statuses of refreshes; the last one repeats.
DRIVER = """
import assert from "node:assert/strict";
let refreshes = 0, valid, answers = [200];
const sent = [];
globalThis.fetch = async (path, { method, headers } = {}) => {
  await null;
  if (path === "/auth/refresh") {
    assert.equal(method, "POST");
    refreshes += 1;
    const status = answers.length > 1 ? answers.shift() : answers[0];
    if (status === 200) valid = `token-${refreshes}`;
    return new Response(JSON.stringify({ access_token: valid }), { status });
  }
  sent.push(headers.Authorization);
  return new Response("", { status: headers.Authorization === `Bearer ${valid}` ? 200 : 401 });
};
const { api } = await import("./api.mjs");

// Several calls at once make one request for a token.
const both = await Promise.all([api("/a"), api("/b")]);
assert.deepEqual(both.map(({ status }) => status), [200, 200]);
assert.equal(refreshes, 1);

// A token that has expired is renewed, and the call is sent again.
valid = "another";
assert.equal((await api("/c")).status, 200);
assert.equal(refreshes, 2);
assert.deepEqual(sent.slice(-2), ["Bearer token-1", "Bearer token-2"]);

// While Redis is away the answer stays 401, and a later call tries again.
valid = "another";
answers = [503, 200];
assert.equal((await api("/d")).status, 401);
assert.equal((await api("/d")).status, 200);

// After a logout the next call asks for a token again.
valid = "another";
answers = [401];
assert.equal((await api("/e")).status, 401);
"""


def test_the_script_refreshes_once_and_repeats_a_call(tmp_path: Path) -> None:
    blocks = read_blocks(GUIDE, (REPOSITORY / GUIDE).read_text("utf-8"))
    [script] = [block.text for block in blocks if block.file_name == "api.mjs"]
    (tmp_path / "api.mjs").write_text(script, "utf-8")
    (tmp_path / "driver.mjs").write_text(DRIVER, "utf-8")
    command = [program("node"), "driver.mjs"]
    ended = subprocess.run(command, cwd=tmp_path, check=False, capture_output=True, text=True, timeout=30)
    assert ended.returncode == 0, ended.stderr
