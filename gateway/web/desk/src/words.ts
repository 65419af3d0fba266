/** What the desk says, and to whom each sentence belongs. */

import type { CallQuality, CallView, Connection, Quality } from '../../sdk/agent';

/** How far a dialled call has come. */
export function progress(view: CallView): string {
  switch (view.progress) {
    case undefined:
      return 'Starting the call…';
    case 'requested':
      return 'Asking the line to place the call…';
    case 'dialing':
      return 'Dialling…';
    case 'alerting':
      return 'Ringing at the other end';
    case 'early-media':
      return 'Ringing, you may hear an announcement';
  }
}

/** The line above the number. */
export function kicker(view: CallView): string {
  switch (view.state) {
    case 'ringing-out':
      return view.via ? `Outgoing call via ${view.via}` : 'Outgoing call';
    case 'ringing-in':
      return view.direction === 'inbound' ? 'Incoming call' : 'The customer is there';
    case 'connected':
      return 'Connected';
    case 'held':
      return 'On hold';
    case 'wrap-up':
    case 'closed':
      if (view.answered_at) return 'Call ended';
      if (view.ended?.reason === 'answered-elsewhere') return 'Call taken';
      return view.direction === 'inbound' ? 'Missed call' : 'Call not connected';
  }
}

/** The card's headline. */
export function heading(view: CallView): string {
  return view.state === 'ringing-out' ? `Calling ${peer(view)}…` : peer(view);
}

/** The worse of a call's two directions. */
export function grade({ to_agent, to_customer }: Pick<CallQuality, 'to_agent' | 'to_customer'>): Quality['grade'] {
  return (to_agent.mos < to_customer.mos ? to_agent : to_customer).grade;
}

/** What was measured, for whoever wants to know. */
export function qualityWords({ to_agent, to_customer }: Pick<CallQuality, 'to_agent' | 'to_customer'>): string {
  const way = (to: string, { mos, loss_pct, jitter_ms, rtt_ms }: Quality) =>
    `To ${to}: MOS ${mos.toFixed(1)}, ${loss_pct.toFixed(1)} % lost, jitter ${jitter_ms} ms, round trip ${rtt_ms} ms`;
  return `${way('you', to_agent)}\n${way('the customer', to_customer)}`;
}

export function endedDetail(view: CallView): string {
  return view.ended?.detail ?? 'The call is over.';
}

/** For screen readers: a change of the call's state, once, without the timer. */
export function announcement(view: CallView): string {
  const who = peer(view);
  switch (view.state) {
    case 'ringing-out':
      return `Calling ${who}`;
    case 'ringing-in':
      return view.direction === 'inbound' ? `Incoming call from ${who}` : `${who} is there and waits`;
    case 'connected':
      return `Connected to ${who}`;
    case 'held':
      return `${who} is on hold`;
    case 'wrap-up':
    case 'closed':
      return `${kicker(view)}. ${endedDetail(view)}`;
  }
}

export function peer(view: CallView): string {
  return view.peer.name ?? view.peer.number;
}

/** `0:07`, `12:34`, `1:02:03`. */
export function clock(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1_000));
  const [h, m, s] = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60, seconds % 60];
  const pad = (n: number) => String(n).padStart(2, '0');
  return h ? `${h}:${pad(m)}:${pad(s)}` : `${m}:${pad(s)}`;
}

/** `48 s`, `3 min 12 s`, `1 h 2 min`. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1_000));
  const [h, m, s] = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60, seconds % 60];
  if (h) return m ? `${h} h ${m} min` : `${h} h`;
  if (m) return s ? `${m} min ${s} s` : `${m} min`;
  return `${s} s`;
}

/** Why the page isn't connected any more, for the sign-in page; nothing when the agent asked for it. */
export function farewell(connection: Connection & { is: 'ended' }): string | undefined {
  switch (connection.because) {
    case 'signed-out':
    case 'replaced':
    case 'taken-over':
      return undefined;
    case 'expired':
      return connection.detail ?? 'Your sign-in has expired. Sign in again with a fresh token.';
    case 'forbidden':
      return connection.detail ?? 'This token doesn’t let you work at this desk.';
  }
}
