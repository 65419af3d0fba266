/** What the agent should know of a talk's sound: raised after a while of bad, taken back after a longer while of good. Pure. */

import { SILENCE_DB, type Sample } from './stats';

export type Trouble = 'jitter' | 'round-trip' | 'loss' | 'quality' | 'no-audio' | 'microphone';

export interface Warning {
  trouble: Trouble;
  /** For people. */
  detail: string;
}

/** A second of a talk. */
export interface Second {
  sample: Sample;
  /** The gateway's latest score of the worse direction. */
  mos?: number;
  /** Whether the agent wants to be silent. */
  muted: boolean;
}

interface Rule {
  detail: string;
  isBad(second: Second): boolean;
  /** Bad seconds in a row that raise it, good ones that take it back. */
  raise: number;
  clear: number;
}

export class Warnings {
  readonly #rows = new Map<Trouble, number>();
  #raised: ReadonlySet<Trouble> = new Set();

  get raised(): Warning[] {
    return [...this.#raised].map((trouble) => ({ trouble, detail: RULES[trouble].detail }));
  }

  /** Takes a second in; whether the warnings are others than before. */
  take(second: Second): boolean {
    const raised = new Set(this.#raised);
    for (const trouble of Object.keys(RULES) as Trouble[]) {
      const rule = RULES[trouble];
      const row = rule.isBad(second) === raised.has(trouble) ? 0 : (this.#rows.get(trouble) ?? 0) + 1;
      this.#rows.set(trouble, row);
      if (row < (raised.has(trouble) ? rule.clear : rule.raise)) continue;
      this.#rows.set(trouble, 0);
      if (!raised.delete(trouble)) raised.add(trouble);
    }
    const moved = raised.size !== this.#raised.size || [...raised].some((trouble) => !this.#raised.has(trouble));
    this.#raised = raised;
    return moved;
  }

  /** The talk is over, or on hold. */
  reset(): boolean {
    const had = this.#raised.size > 0;
    this.#rows.clear();
    this.#raised = new Set();
    return had;
  }
}

const RULES: Record<Trouble, Rule> = {
  jitter: {
    detail: 'Your network delivers unevenly: the customer’s voice may stutter.',
    isBad: ({ sample }) => (sample.jitterMs ?? 0) > 30,
    raise: 3,
    clear: 5,
  },
  'round-trip': {
    detail: 'Your network is slow: the customer hears you late.',
    isBad: ({ sample }) => (sample.rttMs ?? 0) > 400,
    raise: 3,
    clear: 5,
  },
  loss: {
    detail: 'Your network loses sound.',
    isBad: ({ sample }) => (sample.lossPct ?? 0) > 1,
    raise: 3,
    clear: 5,
  },
  quality: {
    detail: 'This call is hard to understand.',
    isBad: ({ mos }) => mos !== undefined && mos < 3,
    raise: 1,
    clear: 5,
  },
  'no-audio': {
    detail: 'Nothing has come from the customer’s side for three seconds.',
    isBad: ({ sample }) => sample.silentSince !== undefined && sample.at - sample.silentSince >= 3_000,
    raise: 1,
    clear: 1,
  },
  microphone: {
    detail: 'Your microphone is silent: it may be muted at the headset.',
    isBad: ({ sample, muted }) => !muted && sample.levelDb !== undefined && sample.levelDb <= SILENCE_DB,
    raise: 10,
    clear: 1,
  },
};
