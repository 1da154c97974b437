// What was meant for later is an issue, not a comment.
import { isBelow, lineAt, type Rule } from "./project.ts";

const marks = /\b(?:TODO|FIXME|XXX|HACK)\b/g;

/** Files that speak about the marks themselves. */
const exempt = ["scripts/tidy/leftovers.ts", "test/house", "etc"];

/** The rule against notes to oneself. */
export const leftovers: Rule = {
  name: "leftovers",
  check: (project) =>
    project.paths
      .filter((path) => /\.(tsx?|mjs|md|jsonc?|ya?ml)$/.test(path) && !isBelow(path, exempt))
      .flatMap((path) => {
        const text = project.text(path);
        return [...text.matchAll(marks)].map((match) => ({
          path,
          line: lineAt(text, match.index),
          message: `${match[0]} is left over: do it now, or open an issue and say what is so today.`,
        }));
      }),
};
