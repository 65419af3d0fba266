/** One call, as the page holds it: the gateway's latest snapshot, and what the agent has asked for meanwhile. */

import { Emitter } from './emitter';
import { isLive } from './snapshot';
import { Refusal, type Ask, type CallState, type CallView } from './protocol';

export interface CallEvents {
  change: Call;
}

/** What the agent asked for and the gateway hasn't shown yet. */
type Wish = { muted?: boolean; end?: 'hangup' | 'reject' };

export class Call extends Emitter<CallEvents> {
  readonly #ask: Ask;
  #view: CallView;
  #wish: Wish = {};

  /** @internal Calls are made by `Agent.dial` and by the gateway. */
  constructor(view: CallView, ask: Ask) {
    super();
    this.#view = view;
    this.#ask = ask;
  }

  get id(): string {
    return this.#view.id;
  }

  get state(): CallState {
    return this.#view.state;
  }

  /** The gateway's latest snapshot. It is replaced, never changed. */
  get view(): CallView {
    return this.#view;
  }

  /** As the agent wants it, from the moment of the click. */
  get muted(): boolean {
    return this.#wish.muted ?? this.#view.muted;
  }

  /** The agent has ended the call, and the gateway hasn't said so yet. */
  get isEnding(): boolean {
    return this.#wish.end !== undefined;
  }

  /** Neither over nor waiting for its disposition. */
  get isLive(): boolean {
    return isLive(this.#view);
  }

  async answer(): Promise<void> {
    await this.#ask('answer', { call: this.id });
  }

  reject(reason?: string): Promise<void> {
    return this.#end('reject', reason);
  }

  hangup(reason?: string): Promise<void> {
    return this.#end('hangup', reason);
  }

  /** Silence towards the customer. Takes effect in the page before the gateway has heard of it. */
  async mute(muted: boolean): Promise<void> {
    this.#wants({ muted });
    try {
      await this.#ask('mute', { call: this.id, on: muted });
    } catch (error) {
      if (isOffline(error)) return;
      this.#wants({ muted: undefined });
      throw error;
    }
  }

  /** The customer hears music and the agent nothing; or both talk on. */
  async hold(held: boolean): Promise<void> {
    await this.#ask('hold', { call: this.id, on: held });
  }

  /** Sends digits: `0`–`9`, `*`, `#`, `A`–`D`, and `,` for a pause. */
  async digits(tones: string): Promise<void> {
    await this.#ask('digits', { call: this.id, tones });
  }

  /** Gives the customer to a number, to `agent:<id>` or to a SIP address: at once, or after a word with whoever answers there. */
  async transfer(to: string, mode: 'blind' | 'consult'): Promise<void> {
    await this.#ask('transfer', { call: this.id, to, mode });
  }

  /** After a consultation: the two others talk on without the agent. */
  async complete(): Promise<void> {
    await this.#ask('complete', { call: this.id });
  }

  /** Pauses the recording, for a card's number, or goes on with it. */
  async record(on: boolean): Promise<void> {
    await this.#ask('record', { call: this.id, on });
  }

  /** Ends wrap-up with a disposition. `callbackAt` is in epoch milliseconds. */
  async dispose(code: string, notes?: string, callbackAt?: number): Promise<void> {
    await this.#ask('dispose', { call: this.id, code, notes, callback_at: callbackAt });
  }

  /** @internal Takes the gateway's newer snapshot in. */
  take(view: CallView): void {
    this.#view = view;
    if (!this.isLive) this.#wish = {};
    if (this.#wish.muted === view.muted) this.#wish.muted = undefined;
    this.emit('change', this);
  }

  /** @internal After a break: what was asked for while the gateway couldn't hear it. */
  repeatWishes(): void {
    if (!this.isLive) return;
    const { end, muted } = this.#wish;
    if (end) this.#end(end).catch(reportError);
    else if (muted !== undefined) this.mute(muted).catch(reportError);
  }

  async #end(end: 'hangup' | 'reject', reason?: string): Promise<void> {
    this.#wants({ end });
    try {
      await this.#ask(end, { call: this.id, reason });
    } catch (error) {
      // The agent's word stands: it is said again as soon as the gateway can hear it.
      if (isOffline(error)) return;
      this.#wants({ end: undefined });
      throw error;
    }
  }

  #wants(wish: Wish): void {
    this.#wish = { ...this.#wish, ...wish };
    this.emit('change', this);
  }
}

function isOffline(error: unknown): boolean {
  return error instanceof Refusal && error.isOffline;
}
