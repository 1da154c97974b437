/**
 * Whether a server and a database are fit to hold a store, asked before anything is made there.
 */
import { HithertoError } from "../core/errors.ts";
import type { Session } from "./session.ts";

/** The oldest version that is supported, as `server_version_num` writes it. */
export const oldestServer = 140_000;

/** What a server says of itself. */
export interface ServerFacts {
  /** `server_version_num`: the major version times 10,000, and the minor one. */
  readonly versionNumber: number;
  /** `server_version`, as people read it. */
  readonly version: string;
  /** Encoding of the database. */
  readonly encoding: string;
}

/** Refuses a server that is too old, and a database whose text is not UTF-8. @throws `STORE_SERVER_UNSUPPORTED` */
export async function checkServer(session: Session, store: string): Promise<void> {
  const [facts] = await session.query<[number, string, string]>(
    // In the catalogue: it is not known yet whether settings are kept.
    `SELECT pg_catalog.current_setting('server_version_num')::pg_catalog.int4,
       pg_catalog.current_setting('server_version'), pg_catalog.current_setting('server_encoding')`,
  );
  const [versionNumber, version, encoding] = facts!;
  const problem = serverProblem({ versionNumber, version, encoding });
  if (problem !== undefined) throw new HithertoError("STORE_SERVER_UNSUPPORTED", { store, problem });
}

/** Why a store can not be held there; undefined when it can. */
export function serverProblem({ versionNumber, version, encoding }: ServerFacts): string | undefined {
  if (versionNumber < oldestServer) {
    return `it is PostgreSQL ${version}, and ${oldestServer / 10_000} or later is needed`;
  }
  if (encoding !== "UTF8") {
    return `the database's encoding is ${encoding}, and UTF8 is needed to keep every text`;
  }
  return undefined;
}
