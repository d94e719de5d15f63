/**
 * A connection that records commands and replies from a script. Without one, limits admit and tokens
 * are valid. It counts nothing: to test a limit, start a real server.
 */
import { ServerError, type Command, type Connection, type RedisReply } from "../redis/connection.js";
import { StubTokens } from "./tokens.js";

/** A reply, an error reply, or no reply because Redis hangs or the connection is closed. */
export type Scripted = string | number | null | readonly RedisReply[] | { readonly error: string } | { readonly failure: "timeout" | "closed" };

const DEFAULT_ANSWERS: Readonly<Record<string, Scripted>> = {
  "LW.RATELIMIT": [0, 100, 99, 0, 60_000],
  "LW.PEEK": [0, 100, 100, 0, 0],
  "LW.REFUND": 1,
  "LW.SETTLE": [0, 0, 0],
  "LW.ACQUIRE": [1, "", 1, 0, 1],
  "LW.RENEW": 1,
  "LW.RELEASE": 1,
  "LW.TOP": [],
  "LW.INSPECT": null,
  "LW.BURST": [0, 1, 0],
  "LW.ALERT": "1795796270967-bbb92ee7f04c852d-1",
  "LW.AUDIT": "1795796270967-bbb92ee7f04c852d-1",
  "LW.AUDITLOG": [],
  "LW.ATTEMPT": [0, 0, null, 0, 0, 0],
  "LW.EVENT": [0, 0, null, 0, 0, 0],
  "LW.CHECK": [0, 0, null, 0, 0, 0],
  "LW.BAN": 1_795_796_270_967,
  "LW.ALLOW": 1_795_796_270_967,
  "LW.LIFT": 1,
  "LW.BANS": [],
  "LW.RULES": [],
  "LW.WHY": ["verdict", "allow", "retry_after_ms", 0, "would", "allow", "known_networks", 0, "known_devices", 0],
};

export class Stub implements Connection {
  /** The commands that were sent, in order. */
  readonly calls: string[][] = [];
  readonly #answers = new Map<string, Scripted[]>();
  readonly #tokens = new StubTokens();
  #failure: Scripted | undefined;

  /** Scripts the next replies to a command. The last one repeats. */
  answer(command: string, ...answers: Scripted[]): this {
    this.#answers.set(command.toUpperCase(), answers);
    return this;
  }

  /** From now on Redis is away: connections are closed, or with `"timeout"` nothing answers. */
  unavailable(failure: "closed" | "timeout" = "closed"): this {
    this.#failure = { failure };
    return this;
  }

  /** Redis answers again. */
  available(): this {
    this.#failure = undefined;
    return this;
  }

  ready(): undefined {
    return undefined;
  }

  send(commands: readonly Command[]): Promise<RedisReply[]> {
    const replies = commands.map(({ args }) => {
      const call = args.map((value) => (typeof value === "string" ? value : Buffer.from(value).toString()));
      this.calls.push(call);
      return perform(this.#failure ?? this.#next(call));
    });
    return Promise.all(replies);
  }

  reset(): void {
    // There is no socket.
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #next(call: readonly string[]): Scripted {
    const command = call[0] as string;
    const answers = this.#answers.get(command) ?? [];
    if (answers.length > 1) return withTime(call, answers.shift() as Scripted);
    const [next = command in DEFAULT_ANSWERS ? DEFAULT_ANSWERS[command] : severalKeys(call)] = answers;
    if (next !== undefined) return withTime(call, next);
    return (this.#tokens.answer(call) as Scripted | undefined) ?? { error: `ERR unknown command '${command}'` };
  }
}

/** The answer to LW.MRATELIMIT and LW.MPEEK that all keys admit the call. */
function severalKeys(call: readonly string[]): Scripted | undefined {
  const [command] = call;
  if (command !== "LW.MRATELIMIT" && command !== "LW.MPEEK") return undefined;
  const tuples = Math.floor((call.length - 1) / 4);
  const time = command === "LW.MPEEK" ? 0 : Date.now();
  return [0, 0, 0, time, ...Array.from({ length: tuples }, () => [100, 99, 60_000]).flat()];
}

/** Adds the time that WITHTIME asks for, where a test has not set it. */
function withTime(call: readonly string[], answer: Scripted): Scripted {
  if (!Array.isArray(answer) || answer.length !== 5 || !call.includes("WITHTIME")) return answer;
  return [...(answer as readonly RedisReply[]), answer[0] === 0 ? Date.now() : 0];
}

function perform(answer: Scripted): Promise<RedisReply> {
  if (answer === null || typeof answer !== "object") return Promise.resolve(answer);
  if ("error" in answer) return Promise.resolve(new ServerError(answer.error));
  if (!("failure" in answer)) return Promise.resolve(answer);
  if (answer.failure === "closed") return Promise.reject(new Error("the connection was closed"));
  return new Promise(() => undefined);
}
