/**
 * Says once that something does not work, now and then that it still does not, and at last that it does again.
 *
 * **Working**, until a failure; **failing**, from then until a success. A failure is told when it has lasted for the grace
 * time, and then again each minute; the end of it is told when its beginning was.
 */

/** Told of a failure and of its end. */
export type OnOutage = (error: unknown, isOver: boolean) => void;

/** Between two times that the same outage is told, in milliseconds. */
const tellEveryMs = 60_000;

/** What does not work at times. */
export class Outage {
  readonly #tell: OnOutage;
  readonly #graceMs: number;
  readonly #now: () => number;
  #error: unknown;
  #beganAt: number | undefined;
  #toldAt: number | undefined;

  /** `graceMs`: for how long a failure is not worth a word. */
  constructor(
    tell: OnOutage,
    {
      graceMs = 0,
      now = (): number => performance.now(),
    }: { graceMs?: number | undefined; now?: () => number } = {},
  ) {
    this.#tell = tell;
    this.#graceMs = graceMs;
    this.#now = now;
  }

  /** How long it has been failing, in milliseconds; 0 while it works. */
  get lastsMs(): number {
    return this.#beganAt === undefined ? 0 : this.#now() - this.#beganAt;
  }

  /** To be called with every failure. */
  failed(error: unknown): void {
    const now = this.#now();
    this.#error = error;
    this.#beganAt ??= now;
    const isDue = this.#toldAt === undefined || now - this.#toldAt >= tellEveryMs;
    if (!isDue || now - this.#beganAt < this.#graceMs) return;
    this.#toldAt = now;
    this.#tell(error, false);
  }

  /** To be called with every success. */
  passed(): void {
    if (this.#beganAt === undefined) return;
    const wasTold = this.#toldAt !== undefined;
    this.#beganAt = undefined;
    this.#toldAt = undefined;
    if (wasTold) this.#tell(this.#error, true);
  }
}
