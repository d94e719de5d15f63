// The command `lockwatch-server`.
"use strict";

const { spawn } = require("node:child_process");
const console = require("node:console");
const net = require("node:net");
const os = require("node:os");
const path = require("node:path");
const process = require("node:process");
const { LockwatchServerError } = require("./error.cjs");
const { modulePath } = require("./module.cjs");
const options = require("./options.cjs");
const { findServer, which } = require("./server.cjs");
/** @type {string} */
const version = require("../package.json").version;

const USAGE = `\
Starts a Redis or Valkey server with the lockwatch module.

  lockwatch-server [REDIS.CONF] [OPTION ...]

All options are the server's, such as --port 7000 or --save ''. Without a configuration file the
server listens on 127.0.0.1 only, on port 6379, and keeps its data in
\${XDG_DATA_HOME:-~/.local/share}/lockwatch-server/PORT; --bind, --port and --dir change that. With
one, only the module is added.

The server is $LOCKWATCH_SERVER, or else a redis-server or valkey-server of version 7 or later on
PATH.

  lockwatch-server --module-path   prints the path of liblockwatch.so
  lockwatch-server --server-path   prints the path of the server
  lockwatch-server --version       prints the versions of both`;

exports.main = async function main() {
  const words = process.argv.slice(2);
  try {
    switch (words[0]) {
      case "-h":
      case "--help":
        console.log(USAGE);
        break;
      case "--module-path":
        console.log(modulePath());
        break;
      case "--server-path":
        console.log(findServer().path);
        break;
      case "-v":
      case "--version":
        console.log(`lockwatch ${version}, ${findServer().name}`);
        break;
      default:
        await runServer(words);
    }
  } catch (error) {
    if (!(error instanceof LockwatchServerError)) throw error;
    console.error(`lockwatch-server: ${error.message}`);
    process.exitCode = 1;
  }
};

/** @param {string[]} words */
async function runServer(words) {
  const module = modulePath();
  const server = findServer();
  const { file, given } = options.split(words);
  // "-" is the standard input, which is left to the server.
  const settings = { ...(file === undefined || file === "-" ? {} : options.ofFile(file)), ...options.ofArguments(given) };
  const port = settings.port?.at(-1) ?? "6379";
  const defaults = [];
  if (file === undefined) {
    if (!settings.dir) {
      settings.dir = [options.dataDirectory(port)];
      defaults.push("--dir", ...settings.dir);
    }
    if (!settings.bind) defaults.push("--bind", "127.0.0.1");
    await checkPort(options.connectAddress(settings), Number(port));
  }
  sayHowToConnect(server, port, settings);
  const conf = file === undefined ? [] : [file];
  superviseServer(server.path, [...conf, "--loadmodule", module, ...defaults, ...given]);
}

/**
 * Says that the port is in use before the server does, in more words than it has.
 * @param {string} host @param {number} port
 */
async function checkPort(host, port) {
  if (!(port > 0 && port < 65536)) return;
  const probe = net.createServer();
  /** @type {NodeJS.ErrnoException | undefined} */
  const error = await new Promise((resolve) => {
    probe.once("error", resolve);
    probe.listen({ port, host, exclusive: true }, () => probe.close(() => resolve(undefined)));
  });
  if (error?.code === "EADDRINUSE") {
    throw new LockwatchServerError(`port ${port} is in use: choose another with --port, such as --port ${(port % 65535) + 1}`);
  }
}

/** @param {{ path: string, name: string }} server @param {string} port @param {options.Settings} settings */
function sayHowToConnect(server, port, settings) {
  console.log(`lockwatch ${version} in ${server.name} (${server.path})`);
  console.log(`  data     ${path.resolve(settings.dir?.at(-1) ?? ".")}`);
  if (port === "0") {
    for (const socket of settings.unixsocket ?? []) console.log(`  connect  unix://${socket}`);
  } else {
    const address = options.connectAddress(settings);
    console.log(`  connect  redis://${address.includes(":") ? `[${address}]` : address}:${port}`);
    const cli = ["redis-cli", "valkey-cli"].find(which);
    const host = address === "127.0.0.1" ? "" : `-h ${address} `;
    console.log(`  try      ${cli ? `${cli} ${host}-p ${port} LW.RATELIMIT user:1 10 60` : "LW.RATELIMIT user:1 10 60, with any Redis client"}`);
  }
  console.log("  stop     Ctrl-C");
}

/**
 * Node.js cannot become another program, so this process passes on signals and ends as the server
 * does.
 * @param {string} file @param {string[]} words
 */
function superviseServer(file, words) {
  // A process group of its own, so that Ctrl-C reaches the server once, from here. At a second
  // SIGINT it would end without saving.
  const child = spawn(file, words, { stdio: "inherit", detached: true });
  const signals = /** @type {const} */ (["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"]);
  for (const signal of signals) process.on(signal, () => child.kill(signal));
  child.once("error", (error) => {
    console.error(`lockwatch-server: cannot start ${file}: ${error.message}`);
    process.exitCode = 1;
  });
  child.once("exit", (code, signal) => {
    process.exitCode = code ?? 128 + (signal ? os.constants.signals[signal] : 0);
    for (const name of signals) process.removeAllListeners(name);
  });
}
