/**
 * Tells processes apart, and whether one of this machine is no more.
 */
import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";
import type { MemberRecord } from "./records.ts";

/** What a member's record says about its process. */
export type ProcessIdentity = Pick<MemberRecord, "host" | "pid" | "namespace">;

/** This process. */
export const thisProcess: ProcessIdentity = {
  host: hostname(),
  pid: process.pid,
  namespace: findNamespace(),
};

/**
 * Whether a process was one of those whose ids mean the same here, and no process has its id now. False when nothing
 * can be said: it belongs to another machine or container, or its id has been given to another process since.
 */
export function processIsGone({ host, pid, namespace }: ProcessIdentity): boolean {
  const isComparable = namespace !== "" && namespace === thisProcess.namespace && host === thisProcess.host;
  if (!isComparable) return false;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
}

/**
 * Names the space in which process ids are unique: the running system (two machines may bear one name) and, in it, the
 * container. Empty where the system does not say (it is not Linux); then beats alone decide.
 */
function findNamespace(): string {
  try {
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    return `${boot} ${readlinkSync("/proc/self/ns/pid")}`;
  } catch {
    return "";
  }
}
