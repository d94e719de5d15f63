/**
 * ioredis with a Redis Cluster.
 *
 * Commands are routed here because ioredis does not know where the keys of a module's commands are
 * and would send them to any node. Besides, its own `Cluster` repeats a command when the connection
 * to its node is lost.
 */
import type { Cluster, Redis } from "ioredis";
import { isNotPrimary, ServerError, type Command, type Connection, type RedisReply } from "./connection.js";
import { IoredisBase, sendTogether } from "./ioredis.js";
import { hashSlot } from "./slot.js";

/**
 * A slot may move again while a redirection is followed. More redirections than this in one call
 * are an error of the cluster.
 */
const MAX_REDIRECTIONS = 5;

/** The nodes of the client are made with `ioredisOptions`, too. */
export class IoredisClusterConnection extends IoredisBase<Cluster> implements Connection {
  /** Nodes that answered that they are no primaries. */
  readonly #demoted = new Set<Redis>();

  async send(commands: readonly Command[]): Promise<RedisReply[]> {
    const replies = await this.#sendToOwners(commands);
    for (let hop = 0; hop < MAX_REDIRECTIONS; hop++) {
      const redirected = [...replies.keys()].filter((index) => redirection(replies[index]));
      if (redirected.length === 0) break;
      // A redirected command was not executed, so it is safe to send it to another node.
      const again = redirected.map((index) => commands[index] as Command);
      const first = redirection(replies[redirected[0] as number]) as Redirection;
      // A node that redirects to its own address has lost the address to another server.
      if (first.kind === "MOVED" && (replies[redirected[0] as number] as ServerError).node === first.address) {
        this.#node(first.address)?.disconnect();
      }
      const answers = await (first.kind === "ASK" ? this.#ask(first.address, again) : this.#moved(again));
      redirected.forEach((index, position) => (replies[index] = answers[position]));
    }
    return replies;
  }

  reset(): void {
    // The cluster client replaces the connection to a hung node. The connections to the other nodes
    // stay.
    this.client.refreshSlotsCache();
  }

  renew(): void {
    // Another server may have the node's address by now.
    for (const node of this.#demoted) node.disconnect();
    this.#demoted.clear();
    this.client.refreshSlotsCache();
  }

  /** One write to each node that owns a key of these commands, all at once. */
  async #sendToOwners(commands: readonly Command[]): Promise<RedisReply[]> {
    const byNode = new Map<Redis, number[]>();
    for (const [index, { key }] of commands.entries()) {
      const node = this.#owner(key) ?? (await this.#refresh(), this.#owner(key));
      if (!node) throw new Error("no node of the cluster is reachable for this key");
      const indexes = byNode.get(node);
      if (indexes) indexes.push(index);
      else byNode.set(node, [index]);
    }
    const replies = new Array<RedisReply>(commands.length);
    const writes = [...byNode].map(async ([node, indexes]) => {
      const answers = await sendTogether(node, indexes.map((index) => commands[index] as Command), addressOf(node));
      if (answers.some(isNotPrimary)) this.#demoted.add(node);
      indexes.forEach((index, position) => (replies[index] = answers[position]));
    });
    await Promise.all(writes);
    return replies;
  }

  async #moved(commands: Command[]): Promise<RedisReply[]> {
    await this.#refresh();
    return this.#sendToOwners(commands);
  }

  async #ask(address: string, commands: Command[]): Promise<RedisReply[]> {
    const node = this.#node(address) ?? (await this.#refresh(), this.#node(address));
    if (!node) throw new Error(`the cluster redirected to ${address}, which is not one of its nodes`);
    const replies = await sendTogether(
      node,
      commands.flatMap((command) => [{ args: ["ASKING"] }, command]),
      address,
    );
    return replies.filter((_, index) => index % 2 === 1);
  }

  #owner(key: Command["key"]): Redis | undefined {
    if (key === undefined) {
      const primaries = this.client.nodes("master");
      return primaries[Math.floor(Math.random() * primaries.length)];
    }
    const address = this.client.slots[hashSlot(key)]?.[0];
    return address === undefined ? undefined : this.#node(address);
  }

  #node(address: string): Redis | undefined {
    return this.client.nodes("all").find((node) => addressOf(node) === address);
  }

  #refresh(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.client.refreshSlotsCache((error) => (error ? reject(error) : resolve()));
    });
  }
}

function addressOf({ options }: Redis): string {
  return `${options.host}:${options.port}`;
}

interface Redirection {
  kind: string;
  address: string;
}

function redirection(reply: RedisReply): Redirection | undefined {
  if (!(reply instanceof ServerError)) return undefined;
  const match = /^(MOVED|ASK) \d+ (\S+)/.exec(reply.message);
  return match ? { kind: match[1] as string, address: match[2] as string } : undefined;
}
