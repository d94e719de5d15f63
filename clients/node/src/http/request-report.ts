/** What is sent after the response: the audit event, and a failed status for the guard. */
import { auditCommand } from "../audit.js";
import type { Bytes } from "../redis/connection.js";
import type { Subject } from "./commands.js";
import { methodArgument } from "./pattern.js";
import { shortened } from "./shortened.js";

/** @param limiterKey routes the event in a cluster */
export function recordEvent<Req>({ limiter, http, path, state }: Subject<Req>, status: number, latencyMs: number, limiterKey: Bytes | undefined): void {
  const { auditQueue } = limiter.lockwatch;
  // While the breaker is open, Redis gets no audit events either.
  if (limiter.options.audit === false) return;
  if (state.failure === "bypassed") {
    auditQueue.bypass();
    return;
  }
  const { address, burst, denial, keyText, limited, user } = state;
  auditQueue.record(() => {
    const command = auditCommand({
      user: typeof user === "string" ? shortened(user) : (user ?? keyText),
      ip: address,
      method: methodArgument(http.method),
      endpoint: shortened(path),
      status,
      limited,
      anomaly: burst?.burst,
      latencyMs,
      data: denial,
    });
    return { ...command, key: limiterKey };
  });
}
