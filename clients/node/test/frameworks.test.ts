/** Every combination of framework, library and situation. */
import { describe } from "node:test";
import { cells } from "./support/cells.js";
import { FRAMEWORKS } from "./support/served.js";

for (const framework of FRAMEWORKS) {
  for (const library of ["ioredis", "node-redis"] as const) {
    describe(`${framework} with ${library}`, { concurrency: 4 }, () => cells(framework, library));
  }
}
