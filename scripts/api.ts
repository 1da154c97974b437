// The public API as text, one etc/*.api.md per sub-path of the package, so that every change of it shows in review.
// Without arguments: fails when a report differs from the code. With --write: writes the reports.
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import {
  Extractor,
  ExtractorConfig,
  ExtractorLogLevel,
  type ExtractorMessage,
} from "@microsoft/api-extractor";
import { ensureBuilt, root, scratch, subPaths } from "./lib/workspace.ts";

const isWriting = process.argv.includes("--write");

let problems = 0;

/** Prints the extractor's messages that are about our API and no mere noise of the tool, and counts them. */
function report(message: ExtractorMessage): void {
  message.handled = true;
  const isProblem =
    message.logLevel === ExtractorLogLevel.Error || message.logLevel === ExtractorLogLevel.Warning;
  if (!isProblem || message.messageId.startsWith("console-")) return;
  problems += 1;
  const path = message.sourceFilePath?.slice(root.length + 1);
  const place = path === undefined ? "" : `${path}:${message.sourceFileLine ?? 1}: `;
  console.error(`${place}${message.text}`);
}

function configOf(name: string, folder: string): ExtractorConfig {
  const temporary = join(scratch, "api");
  mkdirSync(temporary, { recursive: true });
  mkdirSync(join(root, "etc"), { recursive: true });
  return ExtractorConfig.prepare({
    packageJsonFullPath: join(root, "package.json"),
    configObjectFullPath: undefined,
    configObject: {
      projectFolder: root,
      mainEntryPointFilePath: join(root, "dist", folder, "index.d.ts"),
      compiler: {
        overrideTsconfig: {
          compilerOptions: {
            target: "es2023",
            lib: ["es2023", "esnext.disposable"],
            module: "nodenext",
            moduleResolution: "nodenext",
            strict: true,
            exactOptionalPropertyTypes: true,
            skipLibCheck: true,
            types: ["node"],
          },
          files: [join(root, "dist", folder, "index.d.ts")],
        },
      },
      apiReport: {
        enabled: true,
        reportFileName: `${name}.api.md`,
        reportFolder: join(root, "etc"),
        reportTempFolder: temporary,
      },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      messages: {
        compilerMessageReporting: { default: { logLevel: ExtractorLogLevel.Warning } },
        extractorMessageReporting: {
          default: { logLevel: ExtractorLogLevel.Warning },
          // Which members need a comment is for the author to say; tidy asks for one on every export.
          "ae-undocumented": { logLevel: ExtractorLogLevel.None },
          // A type that a signature uses and the sub-path does not export is told in the report itself, for review:
          // it may belong to another sub-path, or be an inference helper that nobody has to name.
          "ae-forgotten-export": { logLevel: ExtractorLogLevel.Warning, addToApiReportFile: true },
          "ae-missing-release-tag": { logLevel: ExtractorLogLevel.None },
          "ae-unresolved-link": { logLevel: ExtractorLogLevel.None },
        },
        tsdocMessageReporting: { default: { logLevel: ExtractorLogLevel.None } },
      },
    },
  });
}

/** The first lines of the report that differ, old and new, for the message. */
function firstDifference(name: string): string {
  const [before, after] = [join(root, "etc", `${name}.api.md`), join(scratch, "api", `${name}.api.md`)].map(
    (path) => (existsSync(path) ? readFileSync(path, "utf8").split("\n") : []),
  ) as [string[], string[]];
  const line = after.findIndex((text, index) => text !== before[index]);
  return `  - ${before[line] ?? "(nothing)"}\n  + ${after[line] ?? "(nothing)"}`;
}

function check(name: string, folder: string): boolean {
  const problemsBefore = problems;
  const { apiReportChanged } = Extractor.invoke(configOf(name, folder), {
    localBuild: isWriting,
    messageCallback: report,
  });
  if (apiReportChanged && !isWriting) {
    console.error(`etc/${name}.api.md differs from the code, first here:\n${firstDifference(name)}`);
    return false;
  }
  return problems === problemsBefore;
}

if (ensureBuilt()) {
  const present = subPaths.filter(({ folder }) => existsSync(join(root, "dist", folder, "index.d.ts")));
  const failed = present.filter(({ folder, name }) => !check(name, folder));
  console.log(
    `${present.length - failed.length} of ${present.length} API reports ${isWriting ? "written" : "agree"}.`,
  );
  if (failed.length > 0) {
    console.error("If a change of the API is meant, run `npm run api` and commit etc/ with it.");
    process.exitCode = 1;
  }
} else {
  process.exitCode = 1;
}
