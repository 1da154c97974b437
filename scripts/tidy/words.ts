// One word per thing. docs/glossary.md has a section "Words we do not use" with a table:
//
//   | Not              | But          | May stand in       |
//   | ---------------- | ------------ | ------------------ |
//   | sequence number  | revision     | src/relay, docs/adr |
//
// The first column may list several words with commas. The last column is optional and names files or folders.
import { isBelow, lineAt, type Finding, type Project, type Rule } from "./project.ts";

/** Where the words are. */
const glossaryPath = "docs/glossary.md";

/** Where words are looked for. */
const folders = ["src", "docs", "examples", "bench", "console", "test", "README.md", "CONTRIBUTING.md"];

/** Folders that speak about the words themselves. */
const exempt = ["test/house"];

interface BannedWord {
  readonly word: string;
  readonly instead: string;
  readonly pattern: RegExp;
  readonly mayStandIn: readonly string[];
}

/** The rule of words. */
export const words: Rule = {
  name: "words",
  check: (project) => {
    if (!project.has(glossaryPath)) return [];
    const section = sectionOf(project.text(glossaryPath));
    if (section === undefined) {
      return [{ path: glossaryPath, line: 1, message: 'has no section "Words we do not use" with a table.' }];
    }
    const banned = bannedWords(section);
    return project.paths
      .filter((path) => /\.(tsx?|md)$/.test(path) && isBelow(path, folders) && !isBelow(path, exempt))
      .flatMap((path) => findWords(project, path, banned));
  },
};

function findWords(project: Project, path: string, banned: readonly BannedWord[]): Finding[] {
  const whole = project.text(path);
  const section = path === glossaryPath ? sectionOf(whole) : undefined;
  // Blanked rather than cut, so that lines keep their numbers.
  const text = section === undefined ? whole : whole.replace(section, section.replaceAll(/[^\n]/g, " "));
  return banned
    .filter(({ mayStandIn }) => mayStandIn.length === 0 || !isBelow(path, mayStandIn))
    .flatMap(({ instead, pattern, word }) =>
      [...text.matchAll(pattern)].map((match) => ({
        path,
        line: lineAt(text, match.index),
        message: `"${word}" is not our word: say "${instead}".`,
      })),
    );
}

function sectionOf(glossary: string): string | undefined {
  return /^##+ Words we do not use *\n[\s\S]*?(?=^##? |(?![\s\S]))/m.exec(glossary)?.[0];
}

function bannedWords(section: string): BannedWord[] {
  const rows = section.split("\n").filter((line) => line.trimStart().startsWith("|"));
  return rows.slice(2).flatMap((row) => {
    const [not = "", instead = "", except = ""] = row.split("|").slice(1).map(plain);
    return listOf(not).map((word) => ({
      word,
      instead,
      pattern: patternOf(word),
      mayStandIn: listOf(except),
    }));
  });
}

/** `dead letter` also finds `dead-letter`, `deadLetter`, `DEAD_LETTERS`. */
function patternOf(word: string): RegExp {
  const parts = word.split(/[\s_-]+/).map((part) => part.replaceAll(/[^\w]/g, String.raw`\$&`));
  const plural = word.endsWith("s") ? "" : "s?";
  const pattern = `${parts.join(String.raw`[\s_-]?`)}${plural}`;
  return new RegExp(parts.length === 1 ? String.raw`\b${pattern}\b` : pattern, "gi");
}

function listOf(cell: string): string[] {
  return cell
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "");
}

function plain(cell: string): string {
  return cell.replaceAll(/[`*"“”]/g, "").trim();
}
