/**
 * Whether the Node at hand is new enough, found out before anything is loaded that an older one does not have.
 */

/**
 * What is wrong with a version of Node, `v20.1.0` say, for a package whose `engines` ask for `>=22.16`; undefined when it
 * is new enough.
 */
export function nodeProblem(version: string, engines: string): string | undefined {
  const [major = 0, minor = 0] = numbersOf(version);
  const [majorLeast = 0, minorLeast = 0] = numbersOf(engines);
  if (major > majorLeast || (major === majorLeast && minor >= minorLeast)) return undefined;
  return `hitherto needs Node ${majorLeast}.${minorLeast} or newer, and this is ${version}.`;
}

function numbersOf(version: string): number[] {
  return (version.match(/\d+/g) ?? []).map(Number);
}
