/**
 * ioredis, a Redis Cluster.
 *
 * Routing is done here, because ioredis does not know where the keys are in a module's commands and would send them to
 * any node, and because its own `Cluster` repeats a command when the connection to its node is lost.
 */
import type { Cluster, Redis } from "ioredis";
import { ServerError, type Command, type Connection, type Patience, type Reply } from "./connection.js";
import { pipeline } from "./ioredis.js";
import { Readiness } from "./readiness.js";
import { hashSlot } from "./slot.js";

/** A slot may move, and move on while we follow; more often than this in one call it is not a move but a mistake. */
const MAX_REDIRECTIONS = 5;

export class IoredisClusterConnection implements Connection {
  readonly #cluster: Cluster;
  readonly #patience: Patience;
  readonly #readiness = new Readiness();

  /** Takes a client whose nodes were made `withoutRepeats`, and that is this connection's to close. */
  constructor(cluster: Cluster, patience: Patience) {
    this.#cluster = cluster;
    this.#patience = patience;
    cluster.on("ready", () => this.#readiness.up());
    cluster.on("close", () => this.#readiness.down());
    cluster.on("error", (error: Error) => {
      if (cluster.status !== "ready") this.#readiness.down(error);
    });
  }

  ready(): Promise<void> | undefined {
    return this.#readiness.wait(this.#patience.connectTimeoutMs, () => this.#cluster.connect());
  }

  async send(commands: readonly Command[]): Promise<Reply[]> {
    const replies = await this.#toOwners(commands);
    for (let hop = 0; hop < MAX_REDIRECTIONS; hop++) {
      const redirected = [...replies.keys()].filter((index) => redirection(replies[index]));
      if (redirected.length === 0) break;
      // A redirection means that the command was not executed, so that sending it elsewhere is not a repetition.
      const again = redirected.map((index) => commands[index] as Command);
      const asked = redirection(replies[redirected[0] as number]) as Redirection;
      const answers = await (asked.kind === "ASK" ? this.#ask(asked.address, again) : this.#moved(again));
      redirected.forEach((index, position) => (replies[index] = answers[position]));
    }
    return replies;
  }

  reset(): void {
    // A node that hangs is the cluster client's to replace: dropping every connection would punish the others.
    this.#cluster.refreshSlotsCache();
  }

  close(): Promise<void> {
    this.#cluster.disconnect();
    this.#readiness.down(new Error("the client has been closed"));
    return Promise.resolve();
  }

  /** One write to each node that owns a key of these commands, all at once. */
  async #toOwners(commands: readonly Command[]): Promise<Reply[]> {
    const byNode = new Map<Redis, number[]>();
    for (const [index, { key }] of commands.entries()) {
      const node = this.#owner(key) ?? (await this.#refresh(), this.#owner(key));
      if (!node) throw new Error("no node of the cluster is reachable for this key");
      const indexes = byNode.get(node);
      if (indexes) indexes.push(index);
      else byNode.set(node, [index]);
    }
    const replies = new Array<Reply>(commands.length);
    const writes = [...byNode].map(async ([node, indexes]) => {
      const answers = await pipeline(node, indexes.map((index) => commands[index] as Command));
      indexes.forEach((index, position) => (replies[index] = answers[position]));
    });
    await Promise.all(writes);
    return replies;
  }

  async #moved(commands: Command[]): Promise<Reply[]> {
    await this.#refresh();
    return this.#toOwners(commands);
  }

  async #ask(address: string, commands: Command[]): Promise<Reply[]> {
    const node = this.#node(address) ?? (await this.#refresh(), this.#node(address));
    if (!node) throw new Error(`the cluster redirected to ${address}, which is not one of its nodes`);
    const replies = await pipeline(
      node,
      commands.flatMap((command) => [{ args: ["ASKING"] }, command]),
    );
    return replies.filter((_, index) => index % 2 === 1);
  }

  #owner(key: Command["key"]): Redis | undefined {
    if (key === undefined) {
      const primaries = this.#cluster.nodes("master");
      return primaries[Math.floor(Math.random() * primaries.length)];
    }
    const address = this.#cluster.slots[hashSlot(key)]?.[0];
    return address === undefined ? undefined : this.#node(address);
  }

  #node(address: string): Redis | undefined {
    return this.#cluster.nodes("all").find(({ options }) => `${options.host}:${options.port}` === address);
  }

  #refresh(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#cluster.refreshSlotsCache((error) => (error ? reject(error) : resolve()));
    });
  }
}

interface Redirection {
  kind: string;
  address: string;
}

function redirection(reply: Reply): Redirection | undefined {
  if (!(reply instanceof ServerError)) return undefined;
  const match = /^(MOVED|ASK) \d+ (\S+)/.exec(reply.message);
  return match ? { kind: match[1] as string, address: match[2] as string } : undefined;
}
