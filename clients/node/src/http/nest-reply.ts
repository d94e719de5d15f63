/** A limit in a guard of NestJS, whose denial is an exception that filters see. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { HttpException } from "@nestjs/common";
import { rawResponse, type AnyRequest, type AnyResponse, type FastifyReplyLike, type Middleware } from "./framework.js";

/** A request of Express or Fastify, with what guards have added. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- what an application adds is its own
export type NestRequest = AnyRequest & Pick<IncomingMessage, "headers"> & Record<string, any>;

/** Throws an HttpException for a request that is denied. */
export async function admitByLimit(limit: Middleware, request: AnyRequest, response: AnyResponse): Promise<void> {
  const denial = await new Promise<HttpException | undefined>((resolve, reject) => {
    limit(request, new NestReply(response, resolve), (error) => (error ? reject(error) : resolve(undefined)));
  });
  if (denial) throw denial;
}

class NestReply implements FastifyReplyLike {
  readonly raw: ServerResponse;
  #status = 200;
  #contentType = "";

  constructor(
    private readonly response: AnyResponse,
    private readonly deny: (exception: HttpException) => void,
  ) {
    this.raw = rawResponse(response);
  }

  code(status: number): void {
    this.#status = status;
  }

  header(name: string, value: string): void {
    if (name.toLowerCase() === "content-type") this.#contentType = value;
    else this.#set(name, value);
  }

  hasHeader(name: string): boolean {
    return this.response.hasHeader(name);
  }

  getHeader(name: string): number | string | readonly string[] | undefined {
    return this.response.getHeader(name);
  }

  send(body?: Buffer): void {
    const text = body?.toString() ?? "";
    const isJson = /[/+]json\b/.test(this.#contentType);
    // NestJS sends objects as they are, and puts a text into one.
    if (isJson) this.#set("Content-Type", this.#contentType);
    this.deny(new HttpException(isJson ? parsed(text) : text, this.#status));
  }

  #set(name: string, value: string): void {
    if ("raw" in this.response) this.response.header(name, value);
    else this.response.setHeader(name, value);
  }
}

/** The text itself if it is no JSON, whatever the application calls it. */
function parsed(text: string): object | string {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : text;
  } catch {
    return text;
  }
}
