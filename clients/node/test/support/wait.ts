/** Waits for a condition. */
import { setTimeout as pause } from "node:timers/promises";

export async function until<T>(what: string, condition: () => T | Promise<T>, deadlineMs = 30_000): Promise<NonNullable<T>> {
  const deadline = performance.now() + deadlineMs;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (performance.now() > deadline) throw new Error(`still not so after ${deadlineMs} ms: ${what}`);
    await pause(10);
  }
}
