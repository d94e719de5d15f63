/** Starts a real Redis with the module for a test, on a free port and in a temporary directory. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { createServer, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

export interface RedisServerOptions {
  /**
   * The module's file. Unless given, it is that of the environment variable LOCKWATCH_MODULE, or
   * else of the package lockwatch-server. Null starts Redis without the module.
   */
  module?: string | null | undefined;
  /**
   * The server. Unless given, it is that of the package lockwatch-server if the module is from
   * there, else `redis-server`.
   */
  executable?: string | undefined;
  /** Further arguments of redis-server. */
  args?: readonly string[] | undefined;
  /** A free port unless given. */
  port?: number | undefined;
}

export interface RedisServer {
  readonly port: number;
  readonly url: string;
  readonly dir: string;
  readonly process: ChildProcess;
  /** Stops the server and removes its directory. */
  stop(): Promise<void>;
}

/** Killed at exit, so that a failed test leaves no server behind. */
const running = new Set<ChildProcess>();
process.once("exit", () => running.forEach((child) => child.kill("SIGKILL")));

const DEADLINE_MS = 30_000;
const ATTEMPTS = 5;

export async function startRedis(options: RedisServerOptions = {}): Promise<RedisServer> {
  // Another process may take the port before Redis listens on it.
  for (let attempt = 1; ; attempt++) {
    try {
      return await start(options, options.port ?? (await freePort()));
    } catch (error) {
      if (attempt === ATTEMPTS || options.port !== undefined || !String(error).includes("Address already in use")) throw error;
    }
  }
}

/**
 * Why `startRedis()` cannot start a server with the module; false if it can. For tests that are
 * skipped without it: `it("limits", { skip: noModule() }, …)`.
 */
export function noModule(): string | false {
  const ofPackage = serverPackage();
  try {
    find(ofPackage);
    return false;
  } catch (error) {
    return (error as Error).message;
  }
}

/** Module and server of the package, or else of LOCKWATCH_MODULE. Throws if they are missing. */
function find(ofPackage: ServerPackage | undefined): { module: string; executable: string } {
  if (ofPackage) return { module: ofPackage.modulePath(), executable: ofPackage.serverPath() };
  const { LOCKWATCH_MODULE: module } = process.env;
  if (!module) throw new Error("LOCKWATCH_MODULE is not set: set it to the path of liblockwatch.so, or install the package lockwatch-server");
  if (!existsSync(module)) throw new Error(`LOCKWATCH_MODULE is '${module}', and there is no such file`);
  return { module, executable: "redis-server" };
}

interface ServerPackage {
  modulePath(): string;
  serverPath(): string;
}

/**
 * The package lockwatch-server, if the tested application has it and LOCKWATCH_MODULE is not set.
 */
function serverPackage(): ServerPackage | undefined {
  if (process.env.LOCKWATCH_MODULE) return undefined;
  const require = createRequire(join(process.cwd(), "package.json"));
  let path: string;
  try {
    path = require.resolve("lockwatch-server");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "MODULE_NOT_FOUND") return undefined;
    throw error;
  }
  return require(path) as ServerPackage;
}

function findForStart(): ReturnType<typeof find> {
  const ofPackage = serverPackage();
  try {
    return find(ofPackage);
  } catch (error) {
    throw new Error(`startRedis needs the module: ${(error as Error).message}, or give { module: '/path/to/liblockwatch.so' }`, { cause: error });
  }
}

async function start(options: RedisServerOptions, port: number): Promise<RedisServer> {
  const found = options.module === undefined ? findForStart() : undefined;
  const { module = found?.module, executable = found?.executable ?? "redis-server", args = [] } = options;
  if (typeof module === "string" && !existsSync(module)) throw new Error(`startRedis: there is no module '${module}'`);
  const dir = await mkdtemp(join(tmpdir(), "lockwatch-"));
  const log = join(dir, "redis.log");
  const own = ["--port", String(port), "--bind", "127.0.0.1", "--dir", dir, "--logfile", log, "--save", "", "--appendonly", "no"];
  const child = spawn(executable, [...own, ...(typeof module === "string" ? ["--loadmodule", module] : []), ...args], { stdio: "ignore" });
  // Rejects if there is no such executable.
  const ended = once(child, "exit").finally(() => running.delete(child));
  running.add(child);
  const stop = async () => {
    child.kill("SIGKILL");
    await ended.catch(() => undefined);
    await rm(dir, { recursive: true, force: true });
  };
  try {
    await Promise.race([listening(port), ended.then(() => Promise.reject(new Error("redis-server ended")))]);
  } catch (error) {
    const output = await readFile(log, "utf8").catch(() => "");
    await stop();
    throw new Error(`redis-server did not start: ${String(error)}\n${output}`, { cause: error });
  }
  return { port, url: `redis://127.0.0.1:${port}`, dir, process: child, stop };
}

/** Waits for any reply: a server that requires a password or is loading replies, too. */
async function listening(port: number): Promise<void> {
  const deadline = Date.now() + DEADLINE_MS;
  while (!(await answers(port))) {
    if (Date.now() > deadline) throw new Error(`nothing answers on port ${port}`);
    await pause(10);
  }
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => socket.write("PING\r\n"));
    const settle = (answered: boolean) => {
      socket.destroy();
      resolve(answered);
    };
    socket.once("data", () => settle(true));
    socket.once("error", () => settle(false));
    socket.once("close", () => settle(false));
  });
}

/**
 * A port below those that systems assign to outgoing connections. A client that keeps trying to
 * reach a closed port in that range can be assigned the same port and connect to itself.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    const server = createServer();
    const bound = await new Promise((resolve) => {
      server.once("error", () => resolve(false)).listen(port, "127.0.0.1", () => resolve(true));
    });
    server.close();
    if (bound) return port;
  }
}
