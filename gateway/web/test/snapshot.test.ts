import { expect, test } from 'vitest';
import { dialled, EMPTY, reduce, refused, type Snapshot } from '../sdk/snapshot';
import type { AgentView, CallView, Ended, Welcome } from '../sdk/protocol';

const NOW = 1_800_000_000_000;

const AGENT: AgentView = {
  id: 'agent7',
  name: 'Asha Verma',
  status: { name: 'available', since: NOW },
  line: 'up',
  media: 'up',
  ready: true,
};

function call(id: string, more: Partial<CallView> = {}): CallView {
  return {
    id,
    direction: 'outbound',
    state: 'ringing-out',
    peer: { number: '+919000000001' },
    started_at: NOW,
    muted: false,
    recording: 'off',
    ...more,
  };
}

function welcome(calls: CallView[], more: Partial<Welcome> = {}): Welcome {
  return { ev: 'welcome', session: 's', resumed: true, heartbeat_ms: 15_000, grace_ms: 30_000, ice: [], agent: AGENT, calls, ...more };
}

const stateOf = (snapshot: Snapshot, id: string) => snapshot.calls.get(id)?.view.state;

test('an event that was seen already changes nothing', () => {
  const connected = reduce(EMPTY, { ev: 'call', seq: 2, call: call('a', { state: 'connected' }) }, NOW);
  const late = reduce(connected, { ev: 'call', seq: 1, call: call('a') }, NOW);
  expect(late).toBe(connected);
  expect(stateOf(late, 'a')).toBe('connected');
});

test('a new session counts its events anew', () => {
  const before = reduce(EMPTY, { ev: 'agent', seq: 90, agent: AGENT }, NOW);
  const fresh = reduce(before, welcome([], { resumed: false }), NOW);
  const next = reduce(fresh, { ev: 'call', seq: 1, call: call('a', { state: 'ringing-in' }) }, NOW);
  expect(stateOf(next, 'a')).toBe('ringing-in');
});

test('a resumed session goes on counting', () => {
  const before = reduce(EMPTY, { ev: 'agent', seq: 90, agent: AGENT }, NOW);
  expect(reduce(before, welcome([]), NOW).seq).toBe(90);
  expect(reduce(before, welcome([], { seq: 95 }), NOW).seq).toBe(95);
});

test('a dial that the gateway has not heard of survives a welcome without it', () => {
  const drawn = dialled(EMPTY, call('a'));
  expect(stateOf(reduce(drawn, welcome([]), NOW), 'a')).toBe('ringing-out');
});

test('a call that the gateway knew and has forgotten ends with a sentence', () => {
  const up = reduce(EMPTY, { ev: 'call', seq: 1, call: call('a', { state: 'connected' }) }, NOW);
  const after = reduce(up, welcome([]), NOW + 5_000).calls.get('a')!.view;
  expect(after).toMatchObject({ state: 'closed', ended_at: NOW + 5_000, ended: { reason: 'lost' } });
});

test('a wrap-up that the gateway has closed meanwhile keeps the reason that it gave', () => {
  const ended: Ended = { by: 'customer', reason: 'hangup', detail: 'The customer hung up.' };
  const before = reduce(EMPTY, { ev: 'call', seq: 1, call: call('a', { state: 'wrap-up', ended_at: NOW, ended }) }, NOW);
  const after = reduce(before, welcome([]), NOW + 5_000).calls.get('a')!.view;
  expect(after).toMatchObject({ state: 'closed', ended_at: NOW, ended });
});

test('a refused dial is closed with the gateway’s sentence and shows no progress any more', () => {
  const drawn = dialled(EMPTY, call('a', { progress: 'requested' }));
  const ended: Ended = { by: 'gateway', reason: 'line-down', detail: 'The line is down.' };
  const after = refused(drawn, 'a', ended, NOW).calls.get('a')!.view;
  expect(after).toMatchObject({ state: 'closed', ended, ended_at: NOW });
  expect(after.progress).toBeUndefined();
});

test('a refusal that comes after the end changes nothing', () => {
  const closed = reduce(EMPTY, { ev: 'call', seq: 1, call: call('a', { state: 'closed' }) }, NOW);
  expect(refused(closed, 'a', { by: 'gateway', reason: 'x', detail: 'x' }, NOW)).toBe(closed);
});

test('an event of a later gateway is counted and otherwise ignored', () => {
  const next = reduce(EMPTY, { ev: 'weather', seq: 7 } as never, NOW);
  expect(next).toEqual({ ...EMPTY, seq: 7 });
});

test('a call that closed while the socket was broken is told as it ended; one that this page never saw is not', () => {
  const before = reduce(EMPTY, { ev: 'call', seq: 2, call: call('a', { state: 'connected' }) }, NOW);
  const ended: Ended = { by: 'customer', reason: 'hangup', detail: 'The customer hung up.' };
  const after = reduce(before, welcome([call('a', { state: 'closed', ended }), call('b', { state: 'closed' })]), NOW);
  expect(after.calls.get('a')?.view.ended).toEqual(ended);
  expect(after.calls.has('b')).toBe(false);
});
