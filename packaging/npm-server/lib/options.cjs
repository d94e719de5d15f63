// Reads what `lockwatch-server` needs to know from the server's options and its configuration file.
"use strict";

const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");
const process = require("node:process");
const { LockwatchServerError } = require("./error.cjs");

/** @typedef {Record<string, string[]>} Settings */

// A word of a configuration file, as the server reads it: quotes keep blanks, and "#" is no
// comment.
const WORD = /(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)')(?!\S)|(\S+)/g;

/**
 * Separates the configuration file, which is the first argument if it is no option.
 * @param {string[]} words
 */
exports.split = function split(words) {
  const [first, ...rest] = words;
  if (first !== undefined && (first === "-" || !first.startsWith("-"))) return { file: first, given: rest };
  return { file: undefined, given: words };
};

/**
 * The words of each option like `--port 7000`; the last one of a name counts.
 * @param {string[]} words
 */
exports.ofArguments = function ofArguments(words) {
  /** @type {Settings} */
  const settings = {};
  /** @type {string[]} */
  let current = [];
  for (const word of words) {
    if (word.startsWith("--")) {
      // Redis also takes "--port 7000" as one word.
      const [name = "", ...values] = word.slice(2).trim().split(/\s+/);
      current = settings[name.toLowerCase()] = values;
    } else {
      current.push(word);
    }
  }
  return settings;
};

/**
 * The directives of a configuration file, without those of files that it includes.
 * @param {string} file
 */
exports.ofFile = function ofFile(file) {
  let text;
  try {
    text = fs.readFileSync(file, "utf8");
  } catch (error) {
    throw new LockwatchServerError(`cannot read the configuration file ${file}: ${String(error)}`);
  }
  /** @type {Settings} */
  const settings = {};
  for (const line of text.split("\n")) {
    const [name, ...values] = [...line.matchAll(WORD)].map(
      ([, double, single, bare]) => bare ?? (double ?? single ?? "").replace(/\\(.)/g, "$1"),
    );
    if (name && !name.startsWith("#")) settings[name.toLowerCase()] = values;
  }
  return settings;
};

/**
 * An address at which a client on this machine reaches the server, which listens on all addresses
 * if none is given.
 * @param {Settings} settings
 */
exports.connectAddress = function connectAddress(settings) {
  // The server ignores an address with a minus sign if this machine does not have it.
  const addresses = (settings.bind ?? []).map((address) => address.replace(/^-/, ""));
  const [first] = addresses;
  if (first === undefined || addresses.some((address) => ["*", "0.0.0.0", "127.0.0.1", "localhost"].includes(address))) {
    return "127.0.0.1";
  }
  return first === "::" || first === "::*" ? "::1" : first;
};

/**
 * Makes and returns the directory of the server on this port in the user's data home.
 * @param {string} port
 */
exports.dataDirectory = function dataDirectory(port) {
  const home = process.env.XDG_DATA_HOME || path.join(os.homedir(), ".local", "share");
  const directory = path.join(home, "lockwatch-server", port);
  try {
    fs.mkdirSync(directory, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new LockwatchServerError(
      `cannot make the data directory ${directory} (${String(error)}): choose another with --dir DIRECTORY`,
    );
  }
  return directory;
};
