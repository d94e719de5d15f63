// Where the module is, and whether this machine can load it.
"use strict";

const fs = require("node:fs");
const path = require("node:path");
const process = require("node:process");
const { LockwatchServerError } = require("./error.cjs");

/** Returns undefined if Node.js uses another C library, such as musl. */
function glibcVersion() {
  // The report would look up the names of all connections.
  if ("excludeNetwork" in process.report) process.report.excludeNetwork = true;
  /** @type {any} */
  const report = process.report.getReport();
  /** @type {string | undefined} */
  const version = report.header.glibcVersionRuntime;
  return version;
}

/** @param {string} found @param {string} needed */
function isOlder(found, needed) {
  const [major = 0, minor = 0] = found.split(".").map(Number);
  const [neededMajor = 0, neededMinor = 0] = needed.split(".").map(Number);
  return major < neededMajor || (major === neededMajor && minor < neededMinor);
}

function packageOfThisMachine() {
  const machine = `${process.platform}-${process.arch}`;
  const libc = process.platform === "linux" ? (glibcVersion() ? "-gnu" : "-musl") : "";
  const name = `lockwatch-server-${machine}${libc}`;
  try {
    return { name, file: require.resolve(`${name}/package.json`) };
  } catch {
    // The optional dependencies are added when the package is built.
    /** @type {any} */
    const manifest = require("../package.json");
    /** @type {Record<string, string>} */
    const offered = manifest.optionalDependencies ?? {};
    if (name in offered) {
      throw new LockwatchServerError(
        `the package ${name} is missing: install lockwatch-server again without --omit=optional`,
      );
    }
    throw new LockwatchServerError(
      `this machine needs ${name}, which does not exist; there is ${Object.keys(offered).join(", ") || "none"}`,
    );
  }
}

exports.modulePath = function modulePath() {
  const { name, file } = packageOfThisMachine();
  /** @type {{ lockwatch: { glibc: string } }} */
  const { lockwatch } = JSON.parse(fs.readFileSync(file, "utf8"));
  const found = glibcVersion();
  if (found === undefined || isOlder(found, lockwatch.glibc)) {
    throw new LockwatchServerError(`${name} is for glibc ${lockwatch.glibc} or later, and this machine has glibc ${found}`);
  }
  const module = path.join(path.dirname(file), "liblockwatch.so");
  if (!fs.existsSync(module)) throw new LockwatchServerError(`${module} is missing: install lockwatch-server again`);
  try {
    // Redis refuses to load a module that is not executable.
    fs.accessSync(module, fs.constants.X_OK);
  } catch {
    throw new LockwatchServerError(`${module} is not executable, which Redis insists on: chmod +x ${module}`);
  }
  return module;
};
