/**
 * Collects the tests of a conformance kit, so that a test can run one of them.
 */
import type { TestRunner } from "hitherto/testing";

/** The tests that a kit registers, by `topic: name`. */
export function kitTests(register: (runner: TestRunner) => void): Map<string, () => Promise<void>> {
  const tests = new Map<string, () => Promise<void>>();
  let topic = "";
  const add = (name: string, body: () => Promise<void>): void => void tests.set(`${topic}: ${name}`, body);
  const skip = (name: string): void => add(name, () => Promise.resolve());
  const describe = (name: string, body: () => void): void => {
    topic = name;
    body();
  };
  register({ describe, test: Object.assign(add, { skip }) });
  return tests;
}
