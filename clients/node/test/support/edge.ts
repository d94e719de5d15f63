/** What an exact window shows at its edge: never too many calls in it, and none denied too long. */
import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";

/** When a call was made. It was decided between the two. */
interface Call {
  readonly sent: number;
  readonly answered: number;
}

/**
 * Calls until three times the limit was admitted. A fixed window would admit twice the limit around its end.
 * @param take resolves to whether a call was admitted
 */
export async function isExactAtTheEdge(take: () => Promise<boolean>, limit: number, windowMs: number): Promise<void> {
  const admitted: Call[] = [];
  const started = performance.now();
  // Half of the limit at once, and the other half half a window later.
  for (const share of [Math.floor(limit / 2), limit - Math.floor(limit / 2)]) {
    for (let i = 0; i < share; i++) admitted.push(await admittedCall(take));
    await pause(windowMs / 2);
  }
  while (admitted.length < 3 * limit && performance.now() - started < 20 * windowMs) {
    const sent = performance.now();
    if (await take()) admitted.push({ sent, answered: performance.now() });
  }
  assert.equal(admitted.length, 3 * limit, "units come back");
  for (const [index, { sent, answered }] of admitted.entries()) {
    const next = admitted[index + limit];
    if (!next) continue;
    // The clock of the server has whole milliseconds.
    assert.ok(next.answered - sent > windowMs - 2, `calls ${index} and ${index + limit} were ${next.answered - sent} ms apart`);
    assert.ok(next.sent - answered < windowMs + 250, `call ${index + limit} was denied for ${next.sent - answered} ms after call ${index}`);
  }
}

async function admittedCall(take: () => Promise<boolean>): Promise<Call> {
  const sent = performance.now();
  assert.ok(await take(), "there is room");
  return { sent, answered: performance.now() };
}
