/**
 * A connection with timeouts and a circuit breaker. It turns the errors of Redis and of the library
 * into this package's.
 */
import { setTimeout as pause } from "node:timers/promises";
import { answeredError, LockWatchError, UnavailableError } from "../errors.js";
import { Breaker } from "./breaker.js";
import { checkArguments, isNotPrimary, ServerError, TimeoutError, type Command, type Connection, type RedisReply } from "./connection.js";
import { Deadlines } from "./deadlines.js";
import { SILENCE_MS } from "./readiness.js";

export interface LinkOptions {
  commandTimeoutMs: number;
  breakerTimeouts: number;
  breakerPauseMs: number;
  /** Its host and port, for messages. */
  server?: string | undefined;
}

/** For commands that sign, query Postgres or go through many sessions. */
const SLOW_TIMEOUT_MS = 10_000;

export class Link {
  readonly #breaker: Breaker;
  readonly #deadlines = new Map<number, Deadlines>();
  readonly #redis: string;
  #lastReset = -Infinity;
  /** Counts the batches that were answered. */
  #answers = 0;
  #downSince: number | undefined;

  constructor(
    private readonly connection: Connection,
    private readonly options: LinkOptions,
    /** The link whose breaker slow commands respect. */
    private readonly guard?: Link,
  ) {
    this.#breaker = new Breaker(options.breakerTimeouts, options.breakerPauseMs);
    this.#redis = options.server === undefined ? "Redis" : `Redis at ${options.server}`;
  }

  /**
   * For commands that a request waits for. Resolves to one reply per command, in order, or a
   * {@link LockWatchError} in its place. Rejects with an UnavailableError if Redis did not answer,
   * and with a TypeError for arguments that cannot be sent.
   */
  send(commands: readonly Command[]): Promise<RedisReply[]> {
    // The usual path has as few promises as possible: each costs a request more than its arguments.
    return this.#breaker.isClosed ? this.#guarded(commands) : this.#admitted(commands);
  }

  /** Sends what the breaker admits. */
  async #admitted(commands: readonly Command[]): Promise<RedisReply[]> {
    checkArguments(commands);
    let admission = this.#breaker.admission(performance.now());
    if (typeof admission !== "string") {
      await Promise.race([admission, pause(this.options.breakerPauseMs, undefined, { ref: false })]);
      admission = this.#breaker.admission(performance.now());
    }
    if (admission !== "go") throw this.#bypassed();
    return this.#guarded(commands);
  }

  /** Sends commands, and tells the breaker how that went. */
  async #guarded(commands: readonly Command[]): Promise<RedisReply[]> {
    checkArguments(commands);
    try {
      const replies = await this.#sent(commands, this.options.commandTimeoutMs);
      this.#breaker.answered();
      this.#answers++;
      return this.#withErrors(replies, commands);
    } catch (error) {
      const failure = this.#failure(error);
      if (failure.code !== "TIMEOUT") this.#breaker.answered();
      else if (this.#breaker.timedOut(performance.now())) this.#reset();
      throw failure;
    }
  }

  /**
   * Like `send`, for commands that no request waits for: it neither respects nor changes the
   * breaker.
   */
  async sendWithoutBreaker(commands: readonly Command[], timeoutMs = this.options.commandTimeoutMs): Promise<RedisReply[]> {
    checkArguments(commands);
    const answersBefore = this.#answers;
    try {
      const replies = await this.#sent(commands, timeoutMs);
      this.#answers++;
      return this.#withErrors(replies, commands);
    } catch (error) {
      // No breaker resets this connection, so a connection that was silent for a long timeout is
      // reset here.
      if (error instanceof TimeoutError && timeoutMs >= SLOW_TIMEOUT_MS && this.#answers === answersBefore) this.#reset();
      throw this.#failure(error);
    }
  }

  /** The replies as the connection has them. */
  #sent(commands: readonly Command[], timeoutMs: number): Promise<RedisReply[]> {
    const opening = this.connection.ready();
    const deadlines = this.#deadlinesOf(timeoutMs);
    if (!opening) return deadlines.within(this.connection.send(commands));
    return this.#opened(opening).then(() => deadlines.within(this.connection.send(commands)));
  }

  #failure(error: unknown): UnavailableError {
    const { message } = error as Error;
    if (error instanceof TimeoutError) return new UnavailableError("TIMEOUT", `${this.#redis} did not answer in time: ${message}`, this.options.server);
    // A handshake was answered with an error.
    if (error instanceof ServerError) {
      const { code, message: answer } = answeredError(error, "a command", this.options.server);
      return new UnavailableError(code, answer, this.options.server);
    }
    // The library's error is not the cause of this one, because it holds the arguments, which may be
    // tokens.
    return new UnavailableError("CONNECTION", `no connection to ${this.#redis}: ${message}`, this.options.server);
  }

  /** Puts this package's errors in the place of error replies. */
  #withErrors(replies: RedisReply[], commands: readonly Command[]): RedisReply[] {
    return replies.map((reply, index) => {
      if (!(reply instanceof ServerError)) return reply;
      if (isNotPrimary(reply)) this.#reset({ renew: true });
      return answeredError(reply, String(commands[index]?.args[0]), reply.node ?? this.options.server);
    });
  }

  /** Opens the connection on the first call. Resolves to whether it can be used. */
  async isOpen(): Promise<boolean> {
    try {
      const opening = this.connection.ready();
      if (opening) await this.#opened(opening);
      return true;
    } catch {
      return false;
    }
  }

  async call(command: Command): Promise<RedisReply> {
    return onlyReply(await this.send([command]));
  }

  /** For commands that take their time. They respect an open breaker, and do not open it. */
  async callSlow(command: Command): Promise<RedisReply> {
    checkArguments([command]);
    if (this.guard?.isBypassed()) throw this.#bypassed();
    return onlyReply(await this.sendWithoutBreaker([command], Math.max(SLOW_TIMEOUT_MS, this.options.commandTimeoutMs)));
  }

  isBypassed(): boolean {
    return this.#breaker.isOpen(performance.now());
  }

  /** There are few different timeouts. */
  #deadlinesOf(timeoutMs: number): Deadlines {
    const known = this.#deadlines.get(timeoutMs);
    if (known) return known;
    const made = new Deadlines(timeoutMs);
    this.#deadlines.set(timeoutMs, made);
    return made;
  }

  #bypassed(): UnavailableError {
    return new UnavailableError("BYPASSED", `${this.#redis} has timed out several times in a row and is bypassed`, this.options.server);
  }

  /**
   * The library reconnects by itself, but its handshake may wait for ever for a server that is
   * gone.
   */
  async #opened(opening: Promise<void>): Promise<void> {
    try {
      await opening;
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

  /** At most one reset per pause of the breaker. */
  #reset({ renew = false } = {}): void {
    const now = performance.now();
    if (now - this.#lastReset < this.options.breakerPauseMs) return;
    this.#lastReset = now;
    if (renew && this.connection.renew) this.connection.renew();
    else this.connection.reset();
  }
}

function onlyReply([reply]: RedisReply[]): RedisReply {
  if (reply instanceof LockWatchError) throw reply;
  return reply;
}
