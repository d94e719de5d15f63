/** What a process says once, about its configuration: neither a failure nor a single request. */
import type { Log } from "./failure-log.js";

const said = new Set<string>();

/** Whether a notice of this kind was logged, so that nobody needs to look for its reason. */
export function isSaid(kind: string): boolean {
  return said.has(kind);
}

/** Logs the first notice of each kind in this process. */
export function sayOnce(kind: string, log: Log, message: string): void {
  if (said.has(kind)) return;
  said.add(kind);
  log(`lockwatch: ${message}`);
}
