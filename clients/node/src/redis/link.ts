/** Every command's way to Redis: bounded in time, bypassed while Redis hangs, its errors made into this package's. */
import { setTimeout as pause } from "node:timers/promises";
import { answeredError, LockWatchError, UnavailableError } from "../errors.js";
import { Breaker } from "./breaker.js";
import { checkArguments, ServerError, TimeoutError, type Command, type Connection, type Reply } from "./connection.js";
import { SILENCE_MS } from "./readiness.js";

export interface LinkOptions {
  commandTimeoutMs: number;
  breakerTimeouts: number;
  breakerPauseMs: number;
}

/** For commands that Redis executes on another thread, because they sign or ask Postgres. */
const SLOW_TIMEOUT_MS = 10_000;

/** A reply, or a {@link LockWatchError} that Redis answered. */
export type Answer = Reply;

export class Link {
  readonly #breaker: Breaker;
  #lastReset = -Infinity;
  #lastAnswer = -Infinity;
  #downSince: number | undefined;

  constructor(
    private readonly connection: Connection,
    private readonly options: LinkOptions,
  ) {
    this.#breaker = new Breaker(options.breakerTimeouts, options.breakerPauseMs);
  }

  /**
   * For what a request waits for. One answer for each command, in order: a reply, or the error that Redis gave to that one;
   * rejects if it gave none. Arguments that can't be sent are a TypeError, which is no failure of Redis's.
   */
  async send(commands: readonly Command[]): Promise<Answer[]> {
    checkArguments(commands);
    let admission = this.#breaker.admission(performance.now());
    if (typeof admission !== "string") {
      await Promise.race([admission, pause(this.options.breakerPauseMs, undefined, { ref: false })]);
      admission = this.#breaker.admission(performance.now());
    }
    if (admission !== "go") {
      throw new UnavailableError("BYPASSED", "Redis has not answered of late and is left alone for a moment");
    }
    try {
      const answers = await this.sendAside(commands);
      this.#breaker.answered();
      return answers;
    } catch (error) {
      if ((error as LockWatchError).code !== "TIMEOUT") this.#breaker.answered();
      else if (this.#breaker.timedOut(performance.now())) this.#reset();
      throw error;
    }
  }

  /** For what no request waits for: it neither heeds the breaker nor trips it. */
  async sendAside(commands: readonly Command[], timeoutMs = this.options.commandTimeoutMs): Promise<Answer[]> {
    checkArguments(commands);
    let replies: Reply[];
    try {
      const waiting = this.connection.ready();
      if (waiting) await this.#opened(waiting);
      replies = await within(timeoutMs, this.connection.send(commands));
      this.#lastAnswer = performance.now();
    } catch (error) {
      const { message } = error as Error;
      if (error instanceof TimeoutError) {
        // What said nothing at all for so long is not busy but gone, and no breaker watches over what is sent aside.
        if (timeoutMs >= SLOW_TIMEOUT_MS && performance.now() - this.#lastAnswer >= timeoutMs) this.#reset();
        throw new UnavailableError("TIMEOUT", message);
      }
      // Not with the library's error as its cause: that one carries the command's arguments, and those may be tokens.
      throw new UnavailableError("CONNECTION", `no answer from Redis: ${message}`);
    }
    return replies.map((reply, index) => {
      if (!(reply instanceof ServerError)) return reply;
      // The primary has become a replica: what its name leads to now is found by connecting anew.
      if (reply.code === "READONLY") this.#reset();
      return answeredError(reply, String(commands[index]?.args[0]));
    });
  }

  /** Opens the connection if nobody has. False where it can't be used at present. */
  async isOpen(): Promise<boolean> {
    try {
      const waiting = this.connection.ready();
      if (waiting) await this.#opened(waiting);
      return true;
    } catch {
      return false;
    }
  }

  async call(command: Command): Promise<Reply> {
    return replyIn(await this.send([command]));
  }

  async callSlow(command: Command): Promise<Reply> {
    return replyIn(await this.sendAside([command], Math.max(SLOW_TIMEOUT_MS, this.options.commandTimeoutMs)));
  }

  /** A library goes on trying by itself, unless its handshake waits for a server that is gone. */
  async #opened(waiting: Promise<void>): Promise<void> {
    try {
      await waiting;
      this.#downSince = undefined;
    } catch (error) {
      const now = performance.now();
      this.#downSince ??= now;
      if (now - this.#downSince > SILENCE_MS) {
        this.#downSince = undefined;
        this.connection.reset();
      }
      throw error;
    }
  }

  #reset(): void {
    const now = performance.now();
    if (now - this.#lastReset < this.options.breakerPauseMs) return;
    this.#lastReset = now;
    this.connection.reset();
  }
}

function replyIn([answer]: Answer[]): Reply {
  if (answer instanceof LockWatchError) throw answer;
  return answer;
}

function within<T>(timeoutMs: number, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      // After this process has been busy for longer than the timeout, the answer may lie unread in the socket. It is read
      // before an immediate runs, and a timer by itself would not wait for it.
      setImmediate(() => reject(new TimeoutError(`no answer from Redis within ${timeoutMs} ms`)));
    }, timeoutMs);
    const settled = () => clearTimeout(timer);
    work.then(resolve, reject).then(settled, settled);
  });
}
