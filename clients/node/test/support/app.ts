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

  static start(framework: Framework, settings: Settings): Promise<App> {
    return App.run(`${framework}-app.js`, { APP_SETTINGS: JSON.stringify(settings) });
  }

  /** @param file in `apps` */
  static async run(file: string, variables: Readonly<Record<string, string>>): Promise<App> {
    const path = fileURLToPath(new URL(`../apps/${file}`, import.meta.url));
    const app = new App(spawn(process.execPath, [path], { env: { ...process.env, ...variables }, stdio: ["ignore", "pipe", "pipe"] }));
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
