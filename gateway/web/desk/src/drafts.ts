/** What the agent has begun to say of a call: kept by call, for the card may change under it. */

import { signal } from '@preact/signals';

export interface Draft {
  code?: string;
  notes: string;
  /** As a `datetime-local` field has it; empty: no call back. */
  callback: string;
}

export const drafts = signal<ReadonlyMap<string, Draft>>(new Map());

const EMPTY: Draft = { notes: '', callback: '' };

export function draftOf(call: string): Draft {
  return drafts.value.get(call) ?? EMPTY;
}

export function changeDraft(call: string, change: Partial<Draft>): void {
  drafts.value = new Map(drafts.value).set(call, { ...draftOf(call), ...change });
}

export function forgetDraft(call: string): void {
  const rest = new Map(drafts.value);
  rest.delete(call);
  drafts.value = rest;
}

/** Whether the agent has written anything that would be lost. */
export function isBegun({ code, notes, callback }: Draft): boolean {
  return Boolean(code || notes.trim() || callback);
}

/** The moment of a call back in epoch milliseconds; nothing where none is meant. */
export function callbackAt({ callback }: Draft): number | undefined {
  const at = callback ? new Date(callback).getTime() : NaN;
  return Number.isNaN(at) ? undefined : at;
}
