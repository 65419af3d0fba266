/** Listens to the leg while the page is signed in: what it measures goes to the gateway, what it fears to the agent. */

import type { Call } from './call';
import type { CallQuality, PageReport } from './protocol';
import { sample, type Sample } from './stats';
import { Warnings, type Warning } from './warnings';

export interface EarEnds {
  stats(): Promise<RTCStatsReport | undefined>;
  /** The call that is talked on. */
  talk(): Call | undefined;
  changed(warnings: Warning[]): void;
}

export class Ear {
  readonly #ends: EarEnds;
  readonly #warnings = new Warnings();
  #timer?: ReturnType<typeof setInterval>;
  #sample?: Sample;
  #quality?: CallQuality;
  #talk?: string;

  constructor(ends: EarEnds) {
    this.#ends = ends;
  }

  get warnings(): Warning[] {
    return this.#warnings.raised;
  }

  open(): void {
    this.#timer ??= setInterval(() => void this.#listen(), SECOND_MS);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#sample = undefined;
    if (this.#warnings.reset()) this.#ends.changed([]);
  }

  /** Takes what the gateway measures of the talk. */
  take(quality: CallQuality): void {
    this.#quality = quality;
  }

  report(): PageReport {
    const known = this.#sample;
    if (!known) return {};
    const { levelDb, rttMs, jitterMs, lossPct, received, sent } = known;
    return { level_db: levelDb, rtt_ms: rttMs, jitter_ms: jitterMs, loss_pct: lossPct, packets_received: received, packets_sent: sent };
  }

  async #listen(): Promise<void> {
    const stats = await this.#ends.stats();
    if (!stats || this.#timer === undefined) return;
    const talk = this.#ends.talk();
    // A talk begins with a clean sheet, and what was before it counts for nothing.
    const before = talk?.id === this.#talk ? this.#sample : undefined;
    this.#talk = talk?.id;
    const now = sample([...stats.values()], before, Date.now());
    this.#sample = now;
    if (this.#judge(talk, now)) this.#ends.changed(this.warnings);
  }

  #judge(talk: Call | undefined, now: Sample): boolean {
    if (!talk) return this.#warnings.reset();
    const quality = this.#quality?.call === talk.id ? this.#quality : undefined;
    const mos = quality && Math.min(quality.to_agent.mos, quality.to_customer.mos);
    return this.#warnings.take({ sample: now, mos, muted: talk.muted });
  }
}

const SECOND_MS = 1_000;
