/** LW.ACQUIRE, LW.RENEW and LW.RELEASE: a limit on how many units are in use at the same time. */
import { randomBytes } from "node:crypto";
import { durationArgument, windowMs, type Duration } from "./duration.js";
import type { Bytes, Command, RedisReply } from "./redis/connection.js";
import { array, integer } from "./redis/replies.js";

export interface LeaseOptions {
  /** The number of units that the lease holds. */
  cost?: number | undefined;
  /** Ends the lease with its connection, which `lease` and `withLease` open for it. */
  onClose?: boolean | undefined;
}

export interface AcquireOptions extends LeaseOptions {
  /**
   * 1 to 64 bytes; 128 random bits unless given. The same id again is the same lease, so a call
   * that had no answer may be repeated with it.
   */
  id?: Bytes | undefined;
}

export interface LeaseResult {
  readonly acquired: boolean;
  /** Whether a lease of this id was held already. It lasts at least `ttl` from now on. */
  readonly repeated: boolean;
  /** What `renew` and `release` need. Undefined if denied. */
  readonly id: Bytes | undefined;
  /** The units of all leases, this one included. */
  readonly inUse: number;
  /** 0 if acquired; otherwise an upper bound, or Infinity if the cost is above the limit. */
  readonly retryAfterMs: number;
  /** A number that grows with each new lease of the key. 0 if denied. */
  readonly fence: number;
}

export function newLeaseId(): string {
  return randomBytes(16).toString("hex");
}

export function acquireCommand(key: Bytes, limit: number, ttl: Duration, id: Bytes, { cost = 1, onClose = false }: LeaseOptions): Command {
  const args = ["LW.ACQUIRE", key, String(limit), durationArgument(windowMs(ttl)), "ID", id];
  if (cost !== 1) args.push("COST", String(cost));
  if (onClose) args.push("ONCLOSE");
  return { args, key };
}

export function parseAcquired(reply: RedisReply, id: Bytes): LeaseResult {
  const [acquired, , ...others] = array(reply, 5, "LW.ACQUIRE");
  const [code, inUse, wait, fence] = [acquired, ...others].map((each) => integer(each, "LW.ACQUIRE")) as [number, number, number, number];
  return {
    acquired: code > 0,
    repeated: code === 2,
    id: code > 0 ? id : undefined,
    inUse,
    retryAfterMs: wait < 0 ? Infinity : wait,
    fence,
  };
}

export function renewCommand(key: Bytes, id: Bytes, ttl: Duration): Command {
  return { args: ["LW.RENEW", key, id, durationArgument(windowMs(ttl))], key };
}

export function parseRenewed(reply: RedisReply): boolean {
  return integer(reply, "LW.RENEW") === 1;
}

export function releaseCommand(key: Bytes, id: Bytes): Command {
  return { args: ["LW.RELEASE", key, id], key };
}
