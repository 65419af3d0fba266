/** Which calls are in front of the agent. Pure. */

import type { CallView } from '../../sdk/agent';

/** A call as it is drawn: values only, replaced at each change. */
export interface CallFace {
  view: CallView;
  muted: boolean;
  isEnding: boolean;
}

/** The call that a consultation is about: of two linked ones, the one that was there first. */
export function customerOf({ view }: CallFace, faces: readonly CallFace[]): CallFace | undefined {
  const other = faces.find(({ view: { id } }) => id === view.linked);
  return other && other.view.started_at <= view.started_at && other.view.linked === view.id ? other : undefined;
}

/**
 * Calls that want something come first, newest in front; a call that is over stays until the agent is done with it or
 * the next one begins. `seen` holds the calls that the page has seen alive: one that was over before isn't news.
 */
export function onStage(faces: readonly CallFace[], seen: ReadonlySet<string>): CallFace[] {
  const newestFirst = [...faces].sort((a, b) => b.view.started_at - a.view.started_at);
  const open = newestFirst.filter(({ view }) => view.state !== 'closed');
  if (open.length) {
    return open.sort((a, b) => Number(b.view.state !== 'wrap-up') - Number(a.view.state !== 'wrap-up'));
  }
  // Of two that ended together in a transfer, the customer's is the one to say something of: it was there first.
  const [last] = [...faces].sort((a, b) => (b.view.ended_at ?? 0) - (a.view.ended_at ?? 0) || a.view.started_at - b.view.started_at);
  return last && seen.has(last.view.id) ? [last] : [];
}
