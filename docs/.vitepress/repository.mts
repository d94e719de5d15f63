// Makes links work on the site as they do on a forge, where docs/ lies within the repository.
import { copyFileSync, existsSync, mkdirSync, statSync } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";
import type { MarkdownRenderer } from "vitepress";

// Files outside docs/ that pages link to, relative to the repository.
const linked = new Set<string>();
// Links to files that do not exist.
const dead = new Set<string>();

/**
 * The anchor of a heading, by GitHub's rule: lower case, without punctuation, spaces as hyphens. A
 * link to an anchor has to work in both places.
 */
export function slugLikeOnAForge(heading: string): string {
  return heading
    .trim()
    .toLowerCase()
    .replace(/[^\p{L}\p{M}\p{N}\p{Pc}\- ]/gu, "")
    .replaceAll(" ", "-");
}

/**
 * A plugin of markdown-it. A link to a file outside docs/ leads to a copy of the file on the site,
 * one to a directory becomes text, and one to a README.md within docs/ leads to the directory's
 * index.
 */
export function linksLikeOnAForge(markdown: MarkdownRenderer, docs: string): void {
  const repository = resolve(docs, "..");
  markdown.core.ruler.push("links-like-on-a-forge", ({ tokens, env }) => {
    for (const { children } of tokens) {
      const open: boolean[] = [];
      for (const token of children ?? []) {
        if (token.type === "link_close" && open.pop()) token.tag = "span";
        if (token.type !== "link_open") continue;
        const href = token.attrGet("href") ?? "";
        const [path = "", anchor] = href.split("#");
        const isRelative = path !== "" && !/^([a-z][a-z0-9+.-]*:|\/)/i.test(path);
        const target = isRelative ? resolve(dirname(env.path as string), decodeURI(path)) : docs;
        const isInside = (target + sep).startsWith(docs);
        const isDirectory = !isInside && existsSync(target) && statSync(target).isDirectory();
        open.push(isDirectory);
        if (isInside) {
          if (/(^|\/)README\.md$/.test(path)) token.attrSet("href", href.replace("README.md", "index.md"));
        } else if (isDirectory) {
          token.tag = "span";
          token.attrs = null;
        } else {
          const file = relative(repository, target);
          if (existsSync(target)) linked.add(file);
          else dead.add(`${relative(docs, env.path as string)}: ${href}: there is no ${file}`);
          token.attrSet("href", `/repository/${file}.txt${anchor ? `#${anchor}` : ""}`);
          token.attrSet("target", "_self");
        }
      }
    }
  });
}

/**
 * Copies the files outside docs/ that pages link to. Browsers show them because they end in .txt.
 * VitePress checks only links within docs/, so the dead ones out of it fail the build here.
 */
export function copyLinkedFiles(docs: string, site: string): void {
  if (dead.size > 0) throw new Error(`dead links:\n${[...dead].join("\n")}`);
  for (const file of linked) {
    const copy = join(site, "repository", `${file}.txt`);
    mkdirSync(dirname(copy), { recursive: true });
    copyFileSync(join(docs, "..", file), copy);
  }
}
