// Says in one line how many tests passed and failed, from the JSON report of a test run.
import { readText } from "./lib/workspace.ts";

interface Report {
  readonly success: boolean;
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
}

const [path = "tmp/test-results.json"] = process.argv.slice(2);
const report = JSON.parse(readText(path)) as Report;
const skipped = report.numPendingTests + report.numTodoTests;
if (skipped > 0) console.log(`${skipped} skipped; each says why.`);
console.log(`${report.numPassedTests} passed, ${report.numFailedTests} failed`);
// A file that cannot even be loaded fails the run without a failed test.
if (!report.success || report.numPassedTests === 0) process.exitCode = 1;
