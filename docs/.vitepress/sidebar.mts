// The sidebar, from the files of docs/ and the title in the first line of each.
//
// A new page needs no edit here: it appears behind the pages that `order` names.
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { DefaultTheme } from "vitepress";

type Item = DefaultTheme.SidebarItem;

// The titles of directories.
const titles: Record<string, string> = {
  tutorials: "Tutorials",
  guides: "Guides",
  "guides/install": "Install",
  "guides/limit": "Limit",
  "guides/guard": "Guard",
  "guides/tokens": "Tokens",
  "guides/alerts": "Alerts",
  "guides/audit": "Audit log",
  "guides/operate": "Operate",
  "guides/migrate": "Migrate",
  reference: "Reference",
  "reference/commands": "Commands",
  "reference/program": "The program lockwatch",
  explanation: "Explanation",
  decisions: "Decisions",
};

// The order in a directory. What is not named follows, by name.
const order: Record<string, string[]> = {
  tutorials: ["first-limit", "fastapi", "flask", "express", "fastify", "go", "catch-a-thief", "see-an-attack"],
  guides: ["install", "limit", "guard", "tokens", "alerts", "audit", "operate", "migrate"],
  "guides/install": ["wheel", "debian", "container", "kubernetes", "managed-redis", "macos", "source"],
  "guides/limit": [
    "login",
    "plans",
    "policies",
    "several-keys",
    "costs",
    "llm-tokens",
    "concurrency",
    "outbound",
    "behind-a-proxy",
    "when-redis-is-away",
    "wsgi",
  ],
  "guides/guard": ["login", "tune", "why-blocked"],
  "guides/tokens": [
    "sessions",
    "change-claims",
    "rotate-keys",
    "log-out-everywhere",
    "verify-elsewhere",
    "stolen-token",
  ],
  "guides/alerts": ["slack-and-pagerduty", "receive-and-verify", "tune-bursts"],
  "guides/audit": ["postgres", "query", "retention-and-erasure"],
  "guides/operate": [
    "replicas-and-failover",
    "cluster",
    "persistence",
    "acl",
    "monitor",
    "investigate",
    "size",
    "upgrade",
    "leave",
    "restore",
  ],
  "guides/migrate": [
    "redis-cell",
    "slowapi-and-flask-limiter",
    "limits",
    "django-rest-framework",
    "express-rate-limit",
    "fastify-rate-limit",
    "nestjs-throttler",
    "hono-rate-limiter",
    "rate-limiter-flexible",
    "ulule-limiter",
    "redis_rate",
    "lockwatch-0.1",
    "hand-made-jwt",
  ],
  reference: [
    "commands",
    "program",
    "configuration",
    "errors",
    "info",
    "http",
    "guard-rules",
    "audit-table",
    "webhook",
    "refresh-token",
    "python",
    "node",
    "go",
    "compatibility",
  ],
  "reference/program": ["doctor", "metrics", "top", "web", "hunt"],
  "reference/commands": [
    "lw.ratelimit",
    "lw.peek",
    "lw.refund",
    "lw.settle",
    "cl.throttle",
    "lw.top",
    "lw.inspect",
    "lw.mratelimit",
    "lw.mpeek",
    "lw.policy",
    "lw.burst",
    "lw.acquire",
    "lw.renew",
    "lw.release",
    "lw.issue",
    "lw.rotate",
    "lw.claims",
    "lw.verify",
    "lw.introspect",
    "lw.revoke",
    "lw.revokeall",
    "lw.sessions",
    "lw.jwks",
    "lw.alert",
    "lw.alerts",
    "lw.audit",
    "lw.auditlog",
    "lw.attempt",
    "lw.event",
    "lw.check",
    "lw.ban",
    "lw.allow",
    "lw.lift",
    "lw.bans",
    "lw.why",
    "lw.rules",
    "lw.reload",
    "lw.purge",
  ],
  explanation: [
    "window",
    "why-not-gcra",
    "guards",
    "token-reuse",
    "exactly-once",
    "guarantees",
    "threat-model",
    "architecture",
    "benchmarks",
    "comparison",
    "faq",
    "glossary",
  ],
};

/** The sidebar of each section of the site. */
export function sidebarOf(docs: string): DefaultTheme.SidebarMulti {
  const explanation = [...section(docs, "explanation"), ...section(docs, "decisions", true)];
  return {
    "/tutorials/": section(docs, "tutorials"),
    "/guides/": section(docs, "guides"),
    "/reference/": section(docs, "reference"),
    "/explanation/": explanation,
    "/decisions/": explanation,
  };
}

// Directories are groups of their own, pages directly in `directory` one before or behind them.
function section(docs: string, directory: string, collapsed?: boolean): Item[] {
  const entries = entriesOf(docs, directory);
  const groups = entries.filter((entry) => entry.items);
  const pages = entries.filter((entry) => !entry.items);
  if (pages.length === 0) return groups;
  const index = indexOf(docs, directory);
  return [...groups, { text: titleOf(directory), ...(index && { link: index }), collapsed, items: pages }];
}

function entriesOf(docs: string, directory: string): Item[] {
  const path = join(docs, directory);
  if (!existsSync(path)) return [];
  const rank = (name: string) => {
    const at = (order[directory] ?? []).indexOf(name);
    return at < 0 ? Number.MAX_SAFE_INTEGER : at;
  };
  return readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() || entry.name.endsWith(".md"))
    .map((entry) => ({ name: entry.name.replace(/\.md$/, ""), isDirectory: entry.isDirectory() }))
    .filter(({ name }) => name !== "index" && name !== "README")
    .sort((a, b) => rank(a.name) - rank(b.name) || a.name.localeCompare(b.name, "en"))
    .map(({ name, isDirectory }) => (isDirectory ? groupOf(docs, `${directory}/${name}`) : pageOf(docs, directory, name)))
    .filter((item) => !item.items || item.items.length > 0);
}

function groupOf(docs: string, directory: string): Item {
  const index = indexOf(docs, directory);
  return { text: titleOf(directory), ...(index && { link: index }), collapsed: false, items: entriesOf(docs, directory) };
}

function pageOf(docs: string, directory: string, name: string): Item {
  const file = join(docs, directory, `${name}.md`);
  const title = /^# (.+)$/.exec(readFileSync(file, "utf8").split("\n", 1)[0] ?? "");
  if (!title?.[1]) throw new Error(`${file} does not begin with a line "# Title"`);
  return { text: title[1].replaceAll("`", ""), link: `/${directory}/${name}` };
}

function indexOf(docs: string, directory: string): string | undefined {
  const exists = ["index.md", "README.md"].some((name) => existsSync(join(docs, directory, name)));
  return exists ? `/${directory}/` : undefined;
}

function titleOf(directory: string): string {
  const name = directory.replace(/^.*\//, "");
  return titles[directory] ?? (name.charAt(0).toUpperCase() + name.slice(1)).replaceAll("-", " ");
}
