/** LW.TOP and LW.INSPECT: which keys are denied most, and what one key holds. */
import type { Bytes, Command, RedisReply } from "./redis/connection.js";
import { Fields, records } from "./redis/records.js";

/** A key that was denied often lately. */
export interface TopKey {
  /** Its first 256 bytes. */
  readonly key: string;
  readonly db: number;
  /** Denials, of which each counts half after five minutes. At most `error` too many. */
  readonly denied: number;
  readonly error: number;
  /** When it was denied last. */
  readonly last: Date;
  /** The policy of the server that denied it; null if none did. */
  readonly policy: string | null;
}

/** What is used in a window of a key. */
export interface WindowUsage {
  readonly windowMs: number;
  /** Units in the window. */
  readonly used: number;
  /** Until the first unit leaves the window. 0 if it has none. */
  readonly firstFreeMs: number;
  /** Until the window is empty. */
  readonly resetMs: number;
}

/** What a key of lockwatch holds. */
export interface KeyReport {
  /** `limiter`, `burst`, `tokens` and so on. */
  readonly type: string;
  readonly bytes: number;
  readonly entries: number;
  /** Null if it does not expire. */
  readonly expiresAt: Date | null;
  /** Of a limiter and a burst: the windows that it remembers, the shortest first. */
  readonly windows: readonly WindowUsage[];
  /** What only this type has, by the names that the server gives. */
  readonly details: Readonly<Record<string, unknown>>;
}

const COMMON = ["type", "bytes", "entries", "expires_ms", "windows"];

export function topCommand(count: number): Command {
  return { args: ["LW.TOP", "COUNT", String(count)] };
}

export function parseTop(reply: RedisReply): TopKey[] {
  return records(reply, "LW.TOP").map((fields) => ({
    key: fields.text("key"),
    db: fields.number("db"),
    denied: fields.number("denied"),
    error: fields.number("error"),
    last: fields.time("last_ms"),
    policy: fields.optionalText("policy"),
  }));
}

export function inspectCommand(key: Bytes): Command {
  return { args: ["LW.INSPECT", key], key };
}

export function parseReport(reply: RedisReply): KeyReport | null {
  if (reply === null) return null;
  const fields = new Fields(reply, "LW.INSPECT");
  return {
    type: fields.text("type"),
    bytes: fields.number("bytes"),
    entries: fields.number("entries"),
    expiresAt: fields.number("expires_ms") < 0 ? null : fields.time("expires_ms"),
    windows: fields.records("windows").map((window) => ({
      windowMs: window.number("window_ms"),
      used: window.number("used"),
      firstFreeMs: window.number("first_free_ms"),
      resetMs: window.number("reset_ms"),
    })),
    details: fields.others(COMMON),
  };
}
