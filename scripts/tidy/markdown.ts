// Links in Markdown lead somewhere: to a file or folder of the repository, and to a heading that is there.
import { posix } from "node:path";
import { isBelow, lineAt, type Finding, type Project, type Rule } from "./project.ts";

/** The rule of links. */
export const links: Rule = {
  name: "links",
  check: (project) =>
    project.paths
      .filter((path) => path.endsWith(".md") && !isBelow(path, ["etc"]))
      .flatMap((path) => {
        const text = withoutCode(project.text(path));
        return [
          ...text.matchAll(/!?\[[^\]]*\]\(<?([^)\s>]+)>?(?:\s+"[^"]*")?\)|^\[[^\]]+\]:\s+(\S+)/gm),
        ].flatMap((match): Finding[] => {
          const problem = problemOf(project, path, match[1] ?? match[2] ?? "");
          return problem === undefined ? [] : [{ path, line: lineAt(text, match.index), message: problem }];
        });
      }),
};

function problemOf(project: Project, path: string, link: string): string | undefined {
  if (/^([a-z][a-z+.-]*:|\/\/)/i.test(link)) return undefined;
  const [file = "", anchor = ""] = decodeURI(link).split("#");
  const target =
    file === "" ? path : posix.normalize(posix.join(posix.dirname(path), file)).replace(/\/$/, "");
  if (target !== "." && !project.has(target)) return `The link to ${link} is dead: there is no ${target}.`;
  if (anchor === "" || !target.endsWith(".md") || anchorsOf(project.text(target)).has(anchor)) {
    return undefined;
  }
  return `The link to ${link} is dead: ${target} has no heading #${anchor}.`;
}

/** The anchors that GitHub makes of a page's headings. */
function anchorsOf(markdown: string): ReadonlySet<string> {
  const seen = new Map<string, number>();
  const anchors = new Set<string>();
  for (const [, heading = ""] of withoutFences(markdown).matchAll(/^#{1,6} +(.*?) *#*$/gm)) {
    const slug = heading
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1")
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}_ -]/gu, "")
      .replaceAll(" ", "-");
    const times = seen.get(slug) ?? 0;
    anchors.add(times === 0 ? slug : `${slug}-${times}`);
    seen.set(slug, times + 1);
  }
  for (const [, id = ""] of markdown.matchAll(/<a (?:id|name)="([^"]+)"/g)) anchors.add(id);
  return anchors;
}

/** Code is blanked rather than cut, so that lines keep their numbers. */
function withoutCode(markdown: string): string {
  return withoutFences(markdown).replaceAll(/`[^`\n]*`/g, blank);
}

function withoutFences(markdown: string): string {
  return markdown.replaceAll(/^( *)(```+|~~~+)[\s\S]*?^\1\2/gm, blank);
}

function blank(text: string): string {
  return text.replaceAll(/[^\n]/g, " ");
}
