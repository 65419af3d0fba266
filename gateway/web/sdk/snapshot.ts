/**
 * What the page believes about its agent and calls. Pure: the events of the socket and the page's own dials go in,
 * the next snapshot comes out.
 */

import type { AgentView, CallView, Ended, WireEvent } from './protocol';

/** Who vouches for a call: the page alone, until the gateway has spoken of it. */
export type Source = 'page' | 'gateway';

export interface Snapshot {
  /** Number of the last event that was taken in; a repeated one changes nothing. */
  seq: number;
  agent?: AgentView;
  calls: ReadonlyMap<string, { view: CallView; source: Source }>;
}

export const EMPTY: Snapshot = { seq: 0, calls: new Map() };

/** Takes an event of the gateway in. `now` stamps the end of calls that the gateway turns out to have forgotten. */
export function reduce(before: Snapshot, event: WireEvent, now: number): Snapshot {
  if (event.ev === 'welcome') {
    const calls = new Map(before.calls);
    for (const [id, { view, source }] of before.calls) {
      const forgotten = source === 'gateway' && view.state !== 'closed' && !event.calls.some((call) => call.id === id);
      if (forgotten) calls.set(id, { view: closed(view, LOST, now), source });
    }
    for (const view of event.calls) {
      // What closed while we weren't there is told for those who saw it open.
      const wanted = view.state !== 'closed' || before.calls.get(view.id)?.view.state !== 'closed';
      if (wanted && (view.state !== 'closed' || before.calls.has(view.id))) calls.set(view.id, { view, source: 'gateway' });
    }
    return { seq: event.seq ?? (event.resumed ? before.seq : 0), agent: event.agent, calls };
  }
  if (event.seq !== undefined && event.seq <= before.seq) return before;
  const seq = event.seq ?? before.seq;
  switch (event.ev) {
    case 'agent':
      return { ...before, seq, agent: event.agent };
    case 'call':
      return withCall({ ...before, seq }, event.call, 'gateway');
    case 'quality':
    case 'notice':
    case 'bye':
      return { ...before, seq };
    default:
      // An event of a later gateway: counted, so that a resume doesn't ask for it again.
      return { ...(before as Snapshot), seq };
  }
}

/** A dial, drawn before the gateway has heard of it. */
export function dialled(before: Snapshot, view: CallView): Snapshot {
  return withCall(before, view, 'page');
}

/** The gateway refused a dial, or doesn't know the call. What it has already said of a call's end stands. */
export function refused(before: Snapshot, id: string, ended: Ended, now: number): Snapshot {
  const call = before.calls.get(id);
  if (!call || call.view.state === 'closed') return before;
  return withCall(before, closed(call.view, ended, now), call.source);
}

/** Neither over nor waiting for its disposition. */
export function isLive(view: CallView): boolean {
  return view.state !== 'closed' && view.state !== 'wrap-up';
}

function withCall(before: Snapshot, view: CallView, source: Source): Snapshot {
  return { ...before, calls: new Map(before.calls).set(view.id, { view, source }) };
}

function closed(view: CallView, ended: Ended, now: number): CallView {
  return { ...view, state: 'closed', progress: undefined, ended_at: view.ended_at ?? now, ended: view.ended ?? ended };
}

const LOST: Ended = {
  by: 'gateway',
  reason: 'lost',
  detail: 'The gateway was restarted, and the call is no longer there.',
};
