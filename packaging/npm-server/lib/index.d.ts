/** The module or the server cannot be used on this machine. The message says why and what helps. */
export class LockwatchServerError extends Error {}

/**
 * The path of `liblockwatch.so`. Throws LockwatchServerError if there is none for this machine or
 * it is missing.
 */
export function modulePath(): string;

/**
 * The path of the server that `lockwatch-server` starts. Throws LockwatchServerError if there is
 * none of version 7 or later.
 */
export function serverPath(): string;
