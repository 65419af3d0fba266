/** What became of a call, in the few words of a list. Pure. */

import type { CallView } from '../../sdk/agent';
import { duration } from './words';

/** `Talked, 3 min 12 s`, `Missed`, `Not connected`. */
export function outcome({ direction, answered_at, ended_at, ended }: CallView): string {
  if (answered_at && ended_at) return `${direction === 'inbound' ? 'Incoming' : 'Outgoing'}, ${duration(ended_at - answered_at)}`;
  if (ended?.reason === 'answered-elsewhere') return 'Taken by somebody else';
  if (ended?.reason === 'declined') return 'Declined';
  if (ended?.reason === 'cancelled') return 'Ended before an answer';
  return direction === 'inbound' ? 'Missed' : 'Not connected';
}

/** The time today, the day and the time before. */
export function when(ms: number, now: number): string {
  const [then, today] = [new Date(ms), new Date(now)];
  const time = then.toLocaleTimeString([], { hour: 'numeric', minute: '2-digit' });
  if (then.toDateString() === today.toDateString()) return time;
  return `${then.toLocaleDateString([], { day: 'numeric', month: 'short' })}, ${time}`;
}
