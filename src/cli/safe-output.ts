/**
 * The streams to which commands write, standard output and standard error: whatever is written to them is made visible first
 * (`visible.ts`). So no command has to think of it, and none can forget it.
 *
 * Two kinds of output go past it, through {@link rawOutput}: drawing in place (`live-screen.ts`, `progress.ts`), which moves the cursor and
 * makes its text visible by itself; and an export that is piped into a program or a file, which stays as it is, byte for byte.
 */
import { wantsColour } from "./colours.ts";
import { visible } from "./format.ts";
import type { OutputStream, Surroundings } from "./surroundings.ts";

const raw = new WeakMap<OutputStream, OutputStream>();

/** The same surroundings, with safe streams. */
export function withSafeOutput(surroundings: Surroundings): Surroundings {
  const { stdout, stderr, env } = surroundings;
  return { ...surroundings, stdout: safeOutput(stdout, env), stderr: safeOutput(stderr, env) };
}

/** The stream that is behind a safe one. */
export function rawOutput(stream: OutputStream): OutputStream {
  return raw.get(stream) ?? stream;
}

function safeOutput(stream: OutputStream, env: Surroundings["env"]): OutputStream {
  const hasColours = wantsColour(stream, env);
  // The other arguments, an encoding and a callback, are both optional and passed on as they are.
  const writeRaw = stream.write.bind(stream) as (text: string, ...rest: readonly unknown[]) => boolean;
  const write = (chunk: string | Uint8Array, ...rest: readonly unknown[]): boolean => {
    const text = typeof chunk === "string" ? chunk : Buffer.from(chunk).toString();
    return writeRaw(visible(text, hasColours), ...rest);
  };
  const safe = new Proxy(stream, {
    get: (target, key) => {
      if (key === "write") return write;
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  });
  raw.set(safe, stream);
  return safe;
}
