/** The agent's calls that are over: those of this page at once, those of before from the gateway's records. */

import { computed, signal } from '@preact/signals';
import type { CallView } from '../../sdk/agent';
import { ask } from './api';

/** A call's view, and what its record adds. */
export interface CallRecord extends CallView {
  disposition?: { code: string; notes?: string; callback_at?: number };
}

const kept = signal<ReadonlyMap<string, CallRecord>>(new Map());

/** Newest first. */
export const records = computed(() => [...kept.value.values()].sort((a, b) => b.started_at - a.started_at).slice(0, SHOWN));

/** A call is over: it is shown at once, whatever the records say of it later. */
export function note(view: CallView): void {
  if (!view.ended_at || view.state !== 'closed') return;
  add([{ ...kept.value.get(view.id), ...view }]);
}

/** Asks for the newest records. Without them the page's own calls are shown. */
export async function askForRecords(agent: string): Promise<void> {
  const where = `/v1/calls?agent=${encodeURIComponent(agent)}&state=closed&limit=${SHOWN}`;
  const page = await ask<{ calls: CallRecord[] }>(where).catch(() => undefined);
  if (page) add(page.calls);
}

export function forgetRecords(): void {
  kept.value = new Map();
}

function add(calls: readonly CallRecord[]): void {
  const next = new Map(kept.value);
  for (const call of calls) next.set(call.id, call);
  kept.value = next;
}

const SHOWN = 30;
