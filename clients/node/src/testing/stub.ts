/**
 * A connection that records commands and replies from a script. It counts nothing: to test a limit,
 * start a real server.
 */
import { ServerError, type Command, type Connection, type RedisReply } from "../redis/connection.js";

/** A reply, an error reply, or no reply because Redis hangs or the connection is closed. */
export type Scripted = string | number | null | readonly RedisReply[] | { readonly error: string } | { readonly failure: "timeout" | "closed" };

const DEFAULT_ANSWERS: Readonly<Record<string, Scripted>> = {
  "LW.RATELIMIT": [0, 100, 99, 0, 60_000],
  "LW.PEEK": [0, 100, 100, 0, 0],
  "LW.BURST": [0, 1, 0],
  "LW.ALERT": "1795796270967-bbb92ee7f04c852d-1",
  "LW.AUDIT": "1795796270967-bbb92ee7f04c852d-1",
  "LW.AUDITLOG": [],
};

export class Stub implements Connection {
  /** The commands that were sent, in order. */
  readonly calls: string[][] = [];
  readonly #answers = new Map<string, Scripted[]>();

  /** Scripts the next replies to a command. The last one repeats. */
  answer(command: string, ...answers: Scripted[]): this {
    this.#answers.set(command.toUpperCase(), answers);
    return this;
  }

  ready(): undefined {
    return undefined;
  }

  send(commands: readonly Command[]): Promise<RedisReply[]> {
    const replies = commands.map(({ args }) => {
      const call = args.map((value) => (typeof value === "string" ? value : Buffer.from(value).toString()));
      this.calls.push(call);
      return perform(this.#next(call[0] as string));
    });
    return Promise.all(replies);
  }

  reset(): void {
    // There is no socket.
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #next(command: string): Scripted {
    const answers = this.#answers.get(command) ?? [];
    const [next = DEFAULT_ANSWERS[command] ?? { error: `ERR unknown command '${command}'` }] = answers;
    if (answers.length > 1) answers.shift();
    return next;
  }
}

function perform(answer: Scripted): Promise<RedisReply> {
  if (answer === null || typeof answer !== "object") return Promise.resolve(answer);
  if ("error" in answer) return Promise.resolve(new ServerError(answer.error));
  if (!("failure" in answer)) return Promise.resolve(answer);
  if (answer.failure === "closed") return Promise.reject(new Error("the connection was closed"));
  return new Promise(() => undefined);
}
