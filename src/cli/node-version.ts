/**
 * Whether the Node at hand is new enough, found out before anything is loaded that an older one does not have.
 */

/** The oldest Node on which the code runs. Which ones can open a store in a file, `sqlite-version.ts` says. */
const least = [22, 16] as const;

/**
 * What is wrong with a version of Node, `v20.1.0` say, for a package whose `engines` are `^22.22.3 || >=24.15.0`; undefined
 * when the code runs on it.
 */
export function nodeProblem(version: string, engines: string): string | undefined {
  const [major = 0, minor = 0] = (version.match(/\d+/g) ?? []).map(Number);
  if (major > least[0] || (major === least[0] && minor >= least[1])) return undefined;
  const needed = engines.split("||").map((range) =>
    range
      .trim()
      .replace(/^\^(\d+)(.*)/, "$1$2 or later in its line")
      .replace(/^>=(.*)/, "$1 or later"),
  );
  return `hitherto needs Node ${needed.join(", or ")}; this is ${version}.`;
}
