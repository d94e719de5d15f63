// Measures the cost of the middleware: requests per second and latencies of a hello-world
// application
// in Express, bare, behind lockwatch and behind the usual sorted-set limiter. Every round runs each
// row
// once, so that a drift of the machine's speed affects all rows alike. The result is each row's
// median.
//
//   LOCKWATCH_MODULE=/path/to/liblockwatch.so node bench/run.mjs [--rounds 5] [--seconds 3] [--json
// FILE]
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Redis } from "ioredis";
import { startRedis } from "lockwatch/testing";
import { load } from "./load.mjs";

const CONNECTIONS = 50;
const ROWS = {
  bare: "Express, bare",
  "lockwatch-limit": "lockwatch, the limit alone",
  lockwatch: "lockwatch: limit, burst, audit",
  "lockwatch-node-redis": "lockwatch over node-redis: the same",
  "sorted-set": "sorted set in Lua, the limit alone",
  "sorted-set-transaction": "sorted set in MULTI, the limit alone",
};

const { values } = parseArgs({ options: { rounds: { type: "string", default: "5" }, seconds: { type: "string", default: "3" }, json: { type: "string" } } });
const [rounds, seconds] = [Number(values.rounds), Number(values.seconds)];

const results = Object.fromEntries(Object.keys(ROWS).map((mode) => [mode, []]));
for (let round = 0; round < rounds; round++) {
  for (const mode of Object.keys(ROWS)) results[mode].push(await measure(mode));
}
report();

async function measure(mode) {
  const redis = await startRedis();
  const app = spawn(process.execPath, [fileURLToPath(new URL("app.mjs", import.meta.url))], {
    env: { ...process.env, MODE: mode, REDIS_URL: redis.url },
    stdio: ["ignore", "pipe", "inherit", "ipc"],
  });
  try {
    const [line] = await once(app.stdout, "data");
    const port = Number(/listening (\d+)/.exec(line)[1]);
    await load(port, CONNECTIONS, 1);
    const [before, busyBefore] = [await serverOf(redis), await busyMicroseconds(app)];
    const { rate, latencies } = await load(port, CONNECTIONS, seconds);
    const [after, busy] = [await serverOf(redis), (await busyMicroseconds(app)) - busyBefore];
    const at = (share) => latencies[Math.floor(latencies.length * share)];
    const each = (sum) => sum / latencies.length;
    const [server, commands] = [each(after.busy - before.busy), each(after.commands - before.commands)];
    return { rate, p50: at(0.5), p99: at(0.99), app: each(busy), server, commands };
  } finally {
    app.kill();
    await once(app, "exit");
    await redis.stop();
  }
}

async function busyMicroseconds(app) {
  app.send("usage");
  const [{ user, system }] = await once(app, "message");
  return user + system;
}

/**
 * The CPU time of Redis in microseconds, and its commands, to check that every request was limited.
 */
async function serverOf({ url }) {
  const admin = new Redis(url);
  const [stats, cpu] = [await admin.info("commandstats"), await admin.info("cpu")];
  admin.disconnect();
  const sum = (text, pattern) => [...text.matchAll(pattern)].reduce((total, [, value]) => total + Number(value), 0);
  return {
    commands: sum(stats, /^cmdstat_(?:lw\.\w+|evalsha|eval|multi):calls=(\d+)/gim),
    busy: 1e6 * sum(cpu, /^used_cpu_(?:sys|user):([\d.]+)/gm),
  };
}

function median(mode, field) {
  const sorted = results[mode].map((result) => result[field]).sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

function report() {
  console.log(`Express on Node ${process.version}, ${CONNECTIONS} connections, the medians of ${rounds} rounds of ${seconds} s\n`);
  console.log("| | requests/s | p50 ms | p99 ms | CPU us a request: application | Redis | commands a request |");
  console.log("|---|---|---|---|---|---|---|");
  const table = Object.entries(ROWS).map(([mode, name]) => {
    const row = Object.fromEntries(["rate", "p50", "p99", "app", "server", "commands"].map((field) => [field, median(mode, field)]));
    const { rate, p50, p99, app, server, commands } = row;
    console.log(`| ${name} | ${Math.round(rate)} | ${p50.toFixed(2)} | ${p99.toFixed(2)} | ${app.toFixed(0)} | ${server.toFixed(0)} | ${commands.toFixed(2)} |`);
    return { mode, ...row };
  });
  // The added wall-clock time per request, and the added CPU time of the application and of Redis.
  const costs = { time: (mode) => 1e6 / median(mode, "rate"), CPU: (mode) => median(mode, "app") + median(mode, "server") };
  const ratios = {};
  for (const other of ["sorted-set", "sorted-set-transaction"]) {
    for (const own of ["lockwatch-limit", "lockwatch"]) {
      const shares = Object.entries(costs).map(([unit, cost]) => {
        const ratio = (cost(own) - cost("bare")) / (cost(other) - cost("bare"));
        ratios[`${own}/${other}/${unit}`] = ratio;
        return `${ratio.toFixed(2)} in ${unit}`;
      });
      console.log(`\n${ROWS[own]} costs ${shares.join(", ")} of ${ROWS[other]}.`);
    }
  }
  console.log("\nThe aim is below 0.5. On a machine that does other work, or has no cores for all three processes, these are rough.");
  if (values.json) writeFileSync(values.json, JSON.stringify({ rows: table, ratios }, null, 2) + "\n");
}
