// The whole gate: `npm run check`. Runs each step in turn, tells its time, and stops at the first that fails.
//   npm run check -- --skip tests,package    leaves steps out
//   npm run check -- --only lint,tidy        runs these alone
import { parseArgs } from "node:util";
import { runVisibly } from "./lib/workspace.ts";

interface Step {
  readonly name: string;
  /** The npm script that does it. */
  readonly script: string;
  /** What to do when it fails. */
  readonly hint: string;
}

const steps: readonly Step[] = [
  { name: "format", script: "format:check", hint: "`npm run format` mends it." },
  { name: "lint", script: "lint", hint: "`npm run lint -- --fix` mends some of it." },
  { name: "tidy", script: "tidy", hint: "Each line names a place and a rule of scripts/tidy/." },
  { name: "typecheck", script: "typecheck", hint: "Sources also need explicit types on exports." },
  { name: "build", script: "build", hint: "The compiler says where." },
  { name: "api", script: "api:check", hint: "`npm run api` writes the reports when the change is meant." },
  { name: "tests", script: "test", hint: "`npx vitest FILE` runs one file again and again." },
  { name: "docs", script: "docs:check", hint: "`npm run docs:check -- FILE` checks one page." },
  { name: "package", script: "package:check", hint: "It packs the package as npm would and uses it." },
];

/** The steps that the arguments leave, or a sentence that says what is wrong with them. */
function chosenSteps(): readonly Step[] | string {
  const { values } = parseArgs({ options: { skip: { type: "string" }, only: { type: "string" } } });
  const skip = values.skip?.split(",") ?? [];
  const only = values.only?.split(",");
  const unknown = [...skip, ...(only ?? [])].find((name) => steps.every((step) => step.name !== name));
  if (unknown !== undefined) {
    return `There is no step "${unknown}"; there are ${steps.map((step) => step.name).join(", ")}.`;
  }
  return steps.filter(({ name }) => !skip.includes(name) && (only?.includes(name) ?? true));
}

function seconds(since: number): string {
  return `${((performance.now() - since) / 1000).toFixed(1)} s`;
}

function main(): number {
  const chosen = chosenSteps();
  if (typeof chosen === "string") {
    console.error(chosen);
    return 2;
  }
  const begun = performance.now();
  for (const { hint, name, script } of chosen) {
    const stepBegun = performance.now();
    console.log(`\n▸ ${name} (npm run ${script})`);
    if (runVisibly("npm", ["run", "--silent", script]) !== 0) {
      console.error(`\n✗ ${name} failed after ${seconds(stepBegun)}. ${hint}`);
      return 1;
    }
    console.log(`✓ ${name} ${seconds(stepBegun)}`);
  }
  const skipped = steps.filter((step) => !chosen.includes(step)).map(({ name }) => name);
  const left = skipped.length === 0 ? "" : ` (left out: ${skipped.join(", ")})`;
  console.log(`\n✓ The gate is passed in ${seconds(begun)}${left}.`);
  return 0;
}

process.exitCode = main();
