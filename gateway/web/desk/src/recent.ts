/** The calls of this tab that are over, kept over a reload. */

import { signal } from '@preact/signals';
import type { CallView } from '../../sdk/agent';

export interface RecentCall {
  id: string;
  number: string;
  name?: string;
  direction: CallView['direction'];
  startedAt: number;
  /** Milliseconds of talk; absent when nobody answered. */
  talked?: number;
}

export const recent = signal<readonly RecentCall[]>(load());

/** Notes a call once it is over. */
export function note(view: CallView): void {
  if (!view.ended_at || recent.value.some(({ id }) => id === view.id)) return;
  const call: RecentCall = {
    id: view.id,
    number: view.peer.number,
    name: view.peer.name,
    direction: view.direction,
    startedAt: view.started_at,
    talked: view.answered_at && view.ended_at - view.answered_at,
  };
  recent.value = [call, ...recent.value].slice(0, KEPT);
  sessionStorage.setItem(RECENT, JSON.stringify(recent.value));
}

function load(): RecentCall[] {
  try {
    return JSON.parse(sessionStorage.getItem(RECENT) ?? '[]') as RecentCall[];
  } catch {
    return [];
  }
}

const RECENT = 'warmline.recent';
const KEPT = 30;
