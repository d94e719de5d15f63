/** Starts servers whose log is checked when they stop. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { startRedis as start, type RedisServer, type RedisServerOptions } from "lockwatch/testing";

/** The check that the module's tests use, too. */
const CHECK = fileURLToPath(new URL("../../../../scripts/check-log.pl", import.meta.url));

/** Like that of `lockwatch/testing`, but stopping fails if the log has a panic, a flood of warnings or a secret. */
export async function startRedis(options?: RedisServerOptions): Promise<RedisServer> {
  const server = await start(options);
  const stop = async () => {
    const faults = existsSync(server.dir) ? logFaults(server.dir) : "";
    await server.stop();
    assert.equal(faults, "", "faults in the server's log");
  };
  return { ...server, stop };
}

/** The faults in the log, one a line. */
function logFaults(dir: string): string {
  const { status, stdout, stderr } = spawnSync("perl", [CHECK, dir], { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  assert.equal(status, stdout === "" ? 0 : 1, `the check itself failed: ${stderr}`);
  return stdout;
}
