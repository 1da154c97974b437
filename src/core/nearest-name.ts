/**
 * What a mistyped name was probably meant to be.
 */

/** The name that differs least from `name`, when it differs in a third of its characters at most. */
export function nearestName(name: string, known: Iterable<string>): string | undefined {
  const typed = normalize(name);
  let [nearest, least]: [string | undefined, number] = [undefined, Math.floor(typed.length / 3) + 1];
  for (const candidate of known) {
    const distance = editDistance(typed, normalize(candidate));
    if (distance < least) [nearest, least] = [candidate, distance];
  }
  return nearest;
}

const normalize = (name: string): string => name.toLowerCase().replaceAll(/[_-]/g, "");

/** Characters that must be inserted, removed or replaced to make one text of another (Levenshtein, 1965). */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let line = 0; line < from.length; line++) {
    const next = [line + 1];
    for (let column = 0; column < to.length; column++) {
      const replaced = row[column]! + (from[line] === to[column] ? 0 : 1);
      next.push(Math.min(replaced, row[column + 1]! + 1, next[column]! + 1));
    }
    row = next;
  }
  return row[to.length]!;
}
