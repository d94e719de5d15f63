// Builds docs/ as a site: `scripts/docs.sh build`. The sidebar comes from the files (sidebar.mts).
import { fileURLToPath } from "node:url";
import { defineConfig, type MarkdownRenderer } from "vitepress";

import { redisTranscript } from "./redis-transcript.mts";
import { copyLinkedFiles, linksLikeOnAForge, slugLikeOnAForge } from "./repository.mts";
import { sidebarOf } from "./sidebar.mts";

const docs = fileURLToPath(new URL("..", import.meta.url));

/** A plugin of markdown-it: `{{` in code within a line is text, as it is in a block, and no expression of Vue. */
function bracesInCode(markdown: MarkdownRenderer): void {
  markdown.core.ruler.push("braces-in-code", ({ tokens }) => {
    for (const { children } of tokens)
      for (const token of children ?? []) if (token.type === "code_inline") token.attrSet("v-pre", "");
  });
}

export default defineConfig({
  title: "lockwatch",
  description:
    "A module for Redis and Valkey: exact rate limits, tokens that catch a thief, burst alerts, and an audit log in Postgres",
  lang: "en",
  head: [["link", { rel: "icon", type: "image/svg+xml", href: "/logo.svg" }]],
  // A forge shows a directory's README.md.
  rewrites: { "decisions/README.md": "decisions/index.md" },
  markdown: {
    languages: [redisTranscript],
    languageAlias: { conf: "ini" },
    anchor: { slugify: slugLikeOnAForge },
    config: (markdown) => markdown.use(linksLikeOnAForge, docs).use(bracesInCode),
  },
  themeConfig: {
    logo: "/logo.svg",
    nav: [
      { text: "Tutorials", link: "/tutorials/first-limit", activeMatch: "^/tutorials/" },
      { text: "Guides", link: "/guides/install/", activeMatch: "^/guides/" },
      { text: "Reference", link: "/reference/commands/", activeMatch: "^/reference/" },
      { text: "Explanation", link: "/explanation/window", activeMatch: "^/(explanation|decisions)/" },
    ],
    sidebar: sidebarOf(docs),
    outline: { level: [2, 3] },
    search: {
      provider: "local",
      options: {
        // Shows a piece of the text with each result.
        detailedView: true,
        miniSearch: {
          // The browser gets the text of these functions, so they can't use anything else. Names
          // such as `retry_after_ms` and LW.PEEK are found whole, by their beginning, and by their
          // parts.
          options: {
            tokenize: (text) =>
              text
                .split(/[^\p{L}\p{N}_.]+/u)
                .map((word) => word.replace(/^[_.]+|[_.]+$/g, ""))
                .flatMap((word) => (/[_.]/.test(word) ? [word, ...word.split(/[_.]+/)] : word ? [word] : [])),
          },
          searchOptions: {
            tokenize: (text) =>
              text
                .split(/[^\p{L}\p{N}_.]+/u)
                .map((word) => word.replace(/^[_.]+|[_.]+$/g, ""))
                .filter((word) => word),
            combineWith: "AND",
            fuzzy: 0.15,
            prefix: true,
            boost: { title: 4, titles: 2 },
            // Who searches for a field or an error wants the page of the command that replies it.
            boostDocument: (id) => (/^\/reference\/(commands\/|errors)/.test(id) ? 3 : 1),
          },
        },
      },
    },
  },
  buildEnd: (site) => copyLinkedFiles(docs, site.outDir),
});
