/**
 * The gateway's time, as far as this page can tell it.
 *
 * Countdowns run on the page's monotonic clock: a wall clock that is wrong, or set in the middle of a call, must not
 * make one jump. Each answer over HTTP says when it was written, to the second and never too late, so the latest date
 * that was seen is the nearest.
 */

export class GatewayClock {
  readonly #monotonic: () => number;
  readonly #wall: () => number;
  /** Epoch milliseconds of the gateway at the monotonic clock's zero; nothing before the first date. */
  #zero: number | undefined;

  constructor(monotonic = () => performance.now(), wall = () => Date.now()) {
    this.#monotonic = monotonic;
    this.#wall = wall;
  }

  /** The gateway has just dated something so. */
  date(epochMs: number): void {
    const zero = epochMs - this.#monotonic();
    this.#zero = this.#zero === undefined ? zero : Math.max(this.#zero, zero);
  }

  /** Epoch milliseconds of the gateway; the machine's own until something was dated. */
  now(): number {
    if (this.#zero === undefined) this.#guess ??= this.#wall() - this.#monotonic();
    return (this.#zero ?? this.#guess ?? 0) + this.#monotonic();
  }

  /** Taken once, so that not even the guess follows a wall clock that is set. */
  #guess: number | undefined;
}

export const gatewayClock = new GatewayClock();
