/** LW.AUDIT and LW.AUDITLOG QUERY */
import { nameArgument, type Bytes, type Command, type Name, type RedisReply } from "./redis/connection.js";
import { records } from "./redis/records.js";

export interface AuditFields {
  /** `request` unless given. */
  kind?: string | undefined;
  user?: Name | null | undefined;
  ip?: string | undefined;
  method?: string | undefined;
  endpoint?: string | undefined;
  status?: number | undefined;
  /** A limit denied the request, in shadow mode too. */
  limited?: boolean | undefined;
  /** The request was part of a burst or unusual in another way. */
  anomaly?: boolean | undefined;
  latencyMs?: number | undefined;
  /** Now unless given. A number is milliseconds since 1970. */
  time?: Date | number | undefined;
  /** Any JSON. */
  data?: unknown;
}

export function auditCommand(event: AuditFields): Command {
  const args: Bytes[] = ["LW.AUDIT"];
  if (event.kind !== undefined) args.push("KIND", event.kind);
  if (event.user !== undefined && event.user !== null) args.push("USER", nameArgument(event.user));
  if (event.ip !== undefined) args.push("IP", event.ip);
  if (event.method !== undefined) args.push("METHOD", event.method);
  if (event.endpoint !== undefined) args.push("ENDPOINT", event.endpoint);
  if (event.status !== undefined) args.push("STATUS", String(event.status));
  if (event.limited) args.push("LIMITED");
  if (event.anomaly) args.push("ANOMALY");
  if (event.latencyMs !== undefined) args.push("LATENCY", `${event.latencyMs.toFixed(3)}ms`);
  if (event.time !== undefined) args.push("TIME", String(Number(event.time)));
  if (event.data !== undefined) args.push("DATA", JSON.stringify(event.data));
  return { args };
}

export interface AuditQuery {
  kind?: string | undefined;
  user?: Name | null | undefined;
  /** An address or a network: `203.0.113.0/24`. */
  ip?: string | undefined;
  /** A prefix of the path. */
  endpoint?: string | undefined;
  from?: Date | number | undefined;
  to?: Date | number | undefined;
  limited?: boolean | undefined;
  anomaly?: boolean | undefined;
  /** The maximum number of events: 100 unless given, at most 10000. A page of large events ends before it. */
  count?: number | undefined;
  /** The id of the last event of a page: returns the page after it. An empty page is the end. */
  before?: string | undefined;
}

/** A recorded event. Fields that it does not have are null. */
export interface AuditEvent {
  readonly id: string;
  readonly timestamp: Date;
  readonly kind: string;
  readonly user: string | null;
  readonly ip: string | null;
  readonly endpoint: string | null;
  readonly method: string | null;
  readonly status: number | null;
  readonly limited: boolean;
  readonly anomaly: boolean;
  readonly latencyMs: number | null;
  readonly data: unknown;
}

export function auditLogCommand(query: AuditQuery): Command {
  const args: Bytes[] = ["LW.AUDITLOG", "QUERY"];
  if (query.kind !== undefined) args.push("KIND", query.kind);
  if (query.user !== undefined && query.user !== null) args.push("USER", nameArgument(query.user));
  if (query.ip !== undefined) args.push("IP", query.ip);
  if (query.endpoint !== undefined) args.push("ENDPOINT", query.endpoint);
  if (query.from !== undefined) args.push("FROM", String(Number(query.from)));
  if (query.to !== undefined) args.push("TO", String(Number(query.to)));
  if (query.limited) args.push("LIMITED");
  if (query.anomaly) args.push("ANOMALY");
  if (query.count !== undefined) args.push("COUNT", String(query.count));
  if (query.before !== undefined) args.push("BEFORE", query.before);
  return { args };
}

export function parseAuditLog(reply: RedisReply): AuditEvent[] {
  return records(reply, "LW.AUDITLOG").map((fields) => ({
    id: fields.text("id"),
    timestamp: fields.time("timestamp_ms"),
    kind: fields.text("kind"),
    user: fields.optionalText("user_id"),
    ip: fields.optionalText("ip"),
    endpoint: fields.optionalText("endpoint"),
    method: fields.optionalText("method"),
    status: fields.optionalNumber("status_code"),
    limited: fields.flag("rate_limit_hit"),
    anomaly: fields.flag("anomaly_detected"),
    latencyMs: fields.optionalDecimal("latency_ms"),
    data: fields.json("data"),
  }));
}
