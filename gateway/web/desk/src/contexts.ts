/** Who the numbers are that this page deals with: asked for at the click, once each. */

import { signal } from '@preact/signals';
import { ask, Refused } from './api';

export interface Customer {
  name?: string;
  summary?: string;
  fields: readonly { label: string; value: string }[];
  links: readonly { label: string; url: string }[];
  /** A page of the operator's customer system. */
  frame?: string;
}

export type Context =
  | { is: 'asked' }
  | { is: 'known'; customer: Customer }
  | { is: 'unknown' }
  | { is: 'failed'; sentence: string }
  /** The gateway has nobody to ask. */
  | { is: 'nowhere' };

type Answer = ({ outcome: 'known' } & Customer) | { outcome: 'unknown' } | { outcome: 'not-configured' };

/** By number. */
export const contexts = signal<ReadonlyMap<string, Context>>(new Map());

/** Numbers that an answer is on its way for or has come for, and when. */
const askedAt = new Map<string, number>();

/** Asks who a number is, unless that has just been asked: the card, the panel and a second mount share one question. */
export function askWho(number: string): void {
  const before = contexts.value.get(number)?.is;
  const fresh = performance.now() - (askedAt.get(number) ?? -Infinity) < HOLDS_MS;
  if (!number || before === 'nowhere' || (fresh && before !== 'failed')) return;
  askedAt.set(number, performance.now());
  // What is known already stays in sight while it is asked for again.
  if (before !== 'known') note(number, { is: 'asked' });
  ask<Answer>(`/v1/context?number=${encodeURIComponent(number)}`).then(
    (answer) => note(number, read(answer)),
    (error: unknown) => note(number, { is: 'failed', sentence: error instanceof Refused ? error.message : String(error) }),
  );
}

/** A customer's name, where the number is known to be one's. */
export function nameOf(number: string): string | undefined {
  const context = contexts.value.get(number);
  return context?.is === 'known' ? context.customer.name : undefined;
}

/** Another agent may not see what this one could. */
export function forgetContexts(): void {
  askedAt.clear();
  contexts.value = new Map();
}

function read(answer: Answer): Context {
  switch (answer.outcome) {
    case 'known':
      return { is: 'known', customer: answer };
    case 'unknown':
      return { is: 'unknown' };
    case 'not-configured':
      return { is: 'nowhere' };
  }
}

function note(number: string, context: Context): void {
  // An answer that comes after the agent has signed out is nobody's.
  if (askedAt.has(number)) contexts.value = new Map(contexts.value).set(number, context);
}

/** As long as a call may take to be answered and talked through before its panel looks again. */
const HOLDS_MS = 30_000;
