// Finds a server of version 7 or later: $LOCKWATCH_SERVER, or on PATH.
"use strict";

const { spawnSync } = require("node:child_process");
const fs = require("node:fs");
const path = require("node:path");
const process = require("node:process");
const { LockwatchServerError } = require("./error.cjs");

const OLDEST = 7;
const MS_TO_ANSWER = 10_000;

/**
 * The absolute path of a program, or undefined.
 * @param {string} name
 */
exports.which = function which(name) {
  const candidates = name.includes("/")
    ? [path.resolve(name)]
    : (process.env.PATH ?? "").split(path.delimiter).filter(Boolean).map((dir) => path.resolve(dir, name));
  return candidates.find((file) => {
    try {
      fs.accessSync(file, fs.constants.X_OK);
      return fs.statSync(file).isFile();
    } catch {
      return false;
    }
  });
};

/**
 * Asks the program for its version.
 * @param {string} file
 */
function examine(file) {
  const { stdout, error } = spawnSync(file, ["--version"], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
    timeout: MS_TO_ANSWER,
  });
  if (error) throw new LockwatchServerError(`${file} --version failed: ${error.message}`);
  const match = /(Redis|Valkey) server v=((\d+)\.[\d.]+)/.exec(stdout);
  if (!match) {
    const answer = JSON.stringify(stdout.slice(0, 80).trim());
    throw new LockwatchServerError(`${file} is no Redis or Valkey server: its --version prints ${answer}`);
  }
  const name = `${match[1]} ${match[2]}`;
  if (Number(match[3]) < OLDEST) {
    throw new LockwatchServerError(`${file} is ${name}, and lockwatch needs version ${OLDEST} or later`);
  }
  return { path: file, name };
}

/** @param {unknown} error */
function reason(error) {
  if (error instanceof LockwatchServerError) return error.message;
  throw error;
}

exports.findServer = function findServer() {
  const chosen = process.env.LOCKWATCH_SERVER;
  if (chosen) {
    const file = exports.which(chosen);
    if (!file) throw new LockwatchServerError(`$LOCKWATCH_SERVER is ${chosen}, and there is no such program`);
    try {
      return examine(file);
    } catch (error) {
      throw new LockwatchServerError(`$LOCKWATCH_SERVER is not usable: ${reason(error)}`);
    }
  }
  const found = ["$LOCKWATCH_SERVER is not set"];
  for (const name of ["redis-server", "valkey-server"]) {
    const file = exports.which(name);
    if (!file) {
      found.push(`there is no ${name} on PATH`);
      continue;
    }
    try {
      return examine(file);
    } catch (error) {
      found.push(reason(error));
    }
  }
  throw new LockwatchServerError(
    [
      `found no Redis or Valkey server of version ${OLDEST} or later:`,
      ...found.map((line) => `  ${line}`),
      "Install one, for example by: apt-get install redis-server",
    ].join("\n"),
  );
};
