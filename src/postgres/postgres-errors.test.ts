import { expect, test } from "vitest";
import {
  failureOf,
  isStatementError,
  mayPass,
  sqlStateOf,
  toConnectError,
  toStoreError,
} from "./postgres-errors.ts";
import type { Failure } from "./postgres-errors.ts";

const at = { beganAt: 0, connectionsMax: 3 };

/** As the driver reports what the server says. */
function serverError(code: string, message = "in the server's words"): Error {
  return Object.assign(new Error(message), { code });
}

test.each<[state: string, failure: Failure, code: string]>([
  ["08000", "connection", "STORE_IO"],
  ["08003", "connection", "STORE_IO"],
  ["08006", "connection", "STORE_IO"],
  ["08P01", "connection", "STORE_IO"],
  ["57P01", "connection", "STORE_IO"],
  ["57P02", "connection", "STORE_IO"],
  ["57P03", "connection", "STORE_IO"],
  ["57P04", "connection", "STORE_IO"],
  ["57P05", "connection", "STORE_IO"],
  ["25P03", "connection", "STORE_IO"],
  ["25P04", "connection", "STORE_IO"],
  ["ECONNRESET", "connection", "STORE_IO"],
  ["EPIPE", "connection", "STORE_IO"],
  ["ETIMEDOUT", "connection", "STORE_IO"],
  ["40001", "contention", "STORE_BUSY"],
  ["40P01", "contention", "STORE_BUSY"],
  ["55P03", "locked", "STORE_BUSY"],
  ["57014", "cancelled", "STORE_TIMEOUT"],
  ["53000", "crowded", "STORE_BUSY"],
  ["53200", "crowded", "STORE_BUSY"],
  ["53300", "crowded", "STORE_BUSY"],
  ["53400", "crowded", "STORE_BUSY"],
  ["53100", "other", "STORE_FULL"],
  ["58030", "other", "STORE_IO"],
  ["XX000", "other", "STORE_IO"],
  ["XX001", "other", "STORE_DAMAGED"],
  ["XX002", "other", "STORE_DAMAGED"],
  ["25006", "statement", "STORE_READ_ONLY"],
  ["25P02", "statement", "STORE_IO"],
  ["42501", "statement", "STORE_RIGHTS_MISSING"],
  ["42P01", "statement", "STORE_IO"],
  ["23505", "statement", "STORE_IO"],
  ["22P05", "statement", "STORE_IO"],
  ["54000", "statement", "STORE_IO"],
  ["P0001", "statement", "STORE_IO"],
])("%s is a failure of the kind %s and becomes %s", (state, failure, code) => {
  const error = serverError(state);
  expect(failureOf(error)).toBe(failure);
  expect(isStatementError(error)).toBe(failure === "statement");
  expect(mayPass(error)).toBe(!["statement", "other"].includes(failure));
  const translated = toStoreError(error, "the store", at);
  expect(translated).toMatchObject({ code, details: { store: "the store" }, cause: error });
  expect(failureOf(translated)).toBe(failure);
  expect(sqlStateOf(translated)).toBe(sqlStateOf(error));
});

test.each<[error: Error, code: string]>([
  [serverError("3D000"), "STORE_NOT_FOUND"],
  [serverError("28P01"), "STORE_LOGIN_REFUSED"],
  [serverError("28000"), "STORE_LOGIN_REFUSED"],
  [new Error("SASL: SCRAM-SERVER-FIRST-MESSAGE: client password must be a string"), "STORE_LOGIN_REFUSED"],
  [serverError("42501"), "STORE_RIGHTS_MISSING"],
  [serverError("53300"), "STORE_BUSY"],
  [new Error("timeout exceeded when trying to connect"), "STORE_BUSY"],
  [serverError("57P03"), "STORE_UNREACHABLE"],
  [serverError("57P01"), "STORE_UNREACHABLE"],
  [serverError("08006"), "STORE_UNREACHABLE"],
  [serverError("ECONNREFUSED"), "STORE_UNREACHABLE"],
  [serverError("ENOTFOUND"), "STORE_UNREACHABLE"],
  [new Error("Connection terminated due to connection timeout"), "STORE_UNREACHABLE"],
])("while connecting, %s becomes %s", (error, code) => {
  expect(toConnectError(error, "the store", at)).toMatchObject({ code, cause: error });
});

test("an exhausted pool says which option bounds it and how long it was waited for", () => {
  const error = new Error("timeout exceeded when trying to connect");
  const { message } = toStoreError(error, "the store", { ...at, beganAt: performance.now() - 250 });
  expect(message).toMatch(
    /^the store was busy for 2[5-9]\d ms: all 3 connections of this handle \(connectionsMax\) stayed in use\.$/,
  );
});

test("a lock that is not to be had says that another process holds it, and for how long", () => {
  const { message } = toStoreError(serverError("55P03"), "it", { beganAt: performance.now() - 250 });
  expect(message).toMatch(/^it stayed locked by another process for 2[5-9]\d ms\.$/);
});

test("what is no error of the driver is told as it is", () => {
  expect(toStoreError("text", "it", at)).toMatchObject({ code: "STORE_IO", details: { problem: "text" } });
  expect(failureOf("text")).toBe("other");
});
