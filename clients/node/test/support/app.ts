/** Starts applications in their own processes. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Settings } from "../apps/settings.js";
import type { Framework } from "./served.js";
import { until } from "./wait.js";

export class App {
  readonly #process: ChildProcess;
  #output = "";

  private constructor(process: ChildProcess) {
    this.#process = process;
    process.stdout?.on("data", (chunk: Buffer) => (this.#output += chunk.toString()));
    process.stderr?.on("data", (chunk: Buffer) => (this.#output += chunk.toString()));
  }

  static async start(framework: Framework, settings: Settings): Promise<App> {
    const file = fileURLToPath(new URL(`../apps/${framework}-app.js`, import.meta.url));
    const env = { ...process.env, APP_SETTINGS: JSON.stringify(settings) };
    const app = new App(spawn(process.execPath, [file], { env, stdio: ["ignore", "pipe", "pipe"] }));
    await until("the application listens", () => {
      if (app.#process.exitCode !== null) throw new Error(`the application ended:\n${app.output}`);
      return /^listening \d+$/m.test(app.output);
    });
    return app;
  }

  get output(): string {
    return this.#output;
  }

  get port(): number {
    return Number(/^listening (\d+)$/m.exec(this.#output)?.[1]);
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode !== null) return;
    const ended = once(this.#process, "exit");
    this.#process.kill("SIGKILL");
    await ended;
  }
}
