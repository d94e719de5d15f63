// Colours for blocks of the language `redis`: what a reader types into redis-cli, and the replies.
import type { LanguageRegistration } from "shiki";

export const redisTranscript: LanguageRegistration = {
  name: "redis",
  scopeName: "source.redis-transcript",
  repository: {},
  patterns: [
    {
      begin: "^(> )([A-Za-z.]+)",
      end: "$",
      beginCaptures: { 1: { name: "comment" }, 2: { name: "keyword" } },
      patterns: [
        { match: "\"(?:[^\"\\\\]|\\\\.)*\"|'(?:[^'\\\\]|\\\\.)*'", name: "string" },
        { match: "(?<=\\s)[A-Z]{2,}(?=\\s|$)", name: "entity.name.function" },
        { match: "(?<=\\s)-?\\d+(?:\\.\\d+)?[a-zA-Z]{0,2}(?=\\s|$)", name: "constant.numeric" },
      ],
    },
    { match: "^\\(error\\) .*$", name: "invalid" },
    { match: "^\\s*\\d+[)#~]", name: "comment" },
    { match: "\\((?:integer|double|nil|empty array|boolean|true|false)\\)", name: "comment" },
    { match: "\"(?:[^\"\\\\]|\\\\.)*\"", name: "string" },
    { match: "(?<=\\(integer\\) )-?\\d+", name: "constant.numeric" },
  ],
};
