import { expect, test } from 'vitest';
import type { CallView } from '../sdk/agent';
import { GatewayClock } from '../desk/src/clock';
import { callbackAt, isBegun } from '../desk/src/drafts';
import { loudness } from '../desk/src/level';
import { parseNumber, parseTarget } from '../desk/src/number';
import { outcome, when } from '../desk/src/outcome';
import { bars, peaks } from '../desk/src/peaks';
import { shortcutOf } from '../desk/src/shortcuts';
import { customerOf, onStage, type CallFace } from '../desk/src/stage';
import { clock, duration, grade, kicker } from '../desk/src/words';

function face(id: string, state: CallView['state'], startedAt: number): CallFace {
  const view: CallView = {
    id,
    direction: 'inbound',
    state,
    peer: { number: '+919000000001' },
    started_at: startedAt,
    muted: false,
    recording: 'off',
  };
  return { view, muted: false, isEnding: false };
}

const ids = (faces: CallFace[]) => faces.map(({ view }) => view.id);

test.each([
  ['+91 90000-00001', '+919000000001'],
  ['(090) 000.00001', '09000000001'],
  ['+91\u201190000\u201100001', '+919000000001'],
  ['*21#', '*21#'],
  ['sip:desk@example.com', 'sip:desk@example.com'],
])('%s can be dialled', (typed, number) => {
  expect(parseNumber(typed)).toEqual({ is: 'number', number });
});

test.each(['', '   ', '1', 'CALL ME', '91+9000', '+91;ext=2'])('%j cannot, and a sentence says why', (typed) => {
  expect(parseNumber(typed)).toMatchObject({ is: 'refused', sentence: expect.stringMatching(/\.$/) });
});

test('a ringing call stands in front of one that waits for its wrap-up', () => {
  const faces = [face('wrap', 'wrap-up', 9), face('ring', 'ringing-in', 5)];
  expect(ids(onStage(faces, new Set(['wrap', 'ring'])))).toEqual(['ring', 'wrap']);
});

test('a call that is over stays until the next one begins', () => {
  const over = face('over', 'closed', 1);
  expect(ids(onStage([over], new Set(['over'])))).toEqual(['over']);
  expect(ids(onStage([over, face('next', 'ringing-in', 2)], new Set(['over', 'next'])))).toEqual(['next']);
});

test('a call that was over before the page came is not news', () => {
  expect(onStage([face('old', 'closed', 1)], new Set())).toEqual([]);
});

test('of calls that are over the one that ended last stays, and after a transfer the customer’s', () => {
  const ended = (id: string, startedAt: number, at: number) => {
    const over = face(id, 'closed', startedAt);
    over.view.ended_at = at;
    return over;
  };
  const seen = new Set(['customer', 'target']);
  expect(ids(onStage([ended('customer', 1, 9), ended('target', 2, 5)], seen))).toEqual(['customer']);
  expect(ids(onStage([ended('customer', 1, 9), ended('target', 2, 9)], seen))).toEqual(['customer']);
});

test('of two linked calls the first is the customer’s', () => {
  const [customer, target] = [face('customer', 'held', 1), face('target', 'connected', 2)];
  customer.view.linked = 'target';
  target.view.linked = 'customer';
  const faces = [target, customer];
  expect(customerOf(target, faces)?.view.id).toBe('customer');
  expect(customerOf(customer, faces)).toBeUndefined();
  expect(customerOf(target, [target])).toBeUndefined();
});

test('times of a call are for people', () => {
  expect([0, 7_900, 754_000, 3_723_000, -5].map(clock)).toEqual(['0:00', '0:07', '12:34', '1:02:03', '0:00']);
  expect([48_400, 180_000, 192_000, 3_720_000].map(duration)).toEqual(['48 s', '3 min', '3 min 12 s', '1 h 2 min']);
});

test('a call that nobody answered is not called ended', () => {
  const { view } = face('a', 'closed', 1);
  expect(kicker(view)).toBe('Missed call');
  expect(kicker({ ...view, direction: 'outbound' })).toBe('Call not connected');
  expect(kicker({ ...view, answered_at: 1 })).toBe('Call ended');
});

test('the gateway’s time is the latest that was seen, and a wall clock that is set moves nothing', () => {
  let [monotonic, wall] = [1_000, 50_000];
  const gateway = new GatewayClock(() => monotonic, () => wall);
  expect(gateway.now()).toBe(50_000);
  wall = 90_000;
  monotonic += 10;
  expect(gateway.now()).toBe(50_010);
  gateway.date(70_000);
  gateway.date(69_000); // cut to whole seconds, a date is never late
  monotonic += 500;
  expect(gateway.now()).toBe(70_500);
  gateway.date(71_000);
  expect(gateway.now()).toBe(71_000);
});

test.each([
  ['agent:agent8', 'agent:agent8'],
  ['+91 90000 00042', '+919000000042'],
  ['sip:desk@example.com', 'sip:desk@example.com'],
])('%s is somewhere to transfer to', (typed, target) => expect(parseTarget(typed)).toEqual({ is: 'target', target }));

test.each(['', 'agent:', 'agent: eight', 'the boss'])('%j isn’t', (typed) => {
  expect(parseTarget(typed)).toMatchObject({ is: 'refused', sentence: expect.stringMatching(/\.$/) });
});

test('a shortcut is a key with Alt and nothing else, wherever the layout puts its character', () => {
  const press = (code: string, held: Partial<Record<'altKey' | 'ctrlKey' | 'metaKey' | 'shiftKey', boolean>> = { altKey: true }) =>
    shortcutOf({ altKey: false, ctrlKey: false, metaKey: false, shiftKey: false, ...held, code });
  expect(press('KeyM')).toBe('Alt+M');
  expect(press('Slash')).toBe('Alt+/');
  expect(press('KeyQ')).toBeUndefined();
  expect(press('KeyM', {})).toBeUndefined();
  expect(press('KeyM', { altKey: true, ctrlKey: true })).toBeUndefined();
});

test('a draft is begun once there is something to lose', () => {
  expect(isBegun({ notes: '  ', callback: '' })).toBe(false);
  expect(isBegun({ notes: '', callback: '', code: 'Sold' })).toBe(true);
  expect(callbackAt({ notes: '', callback: '' })).toBeUndefined();
  expect(callbackAt({ notes: '', callback: '2027-01-04T09:30' })).toBe(new Date(2027, 0, 4, 9, 30).getTime());
});

test('a call’s outcome is told in a few words', () => {
  const { view } = face('a', 'closed', 0);
  const ended = (reason: string) => ({ by: 'customer' as const, reason, detail: '' });
  expect(outcome({ ...view, answered_at: 1_000, ended_at: 49_400 })).toBe('Incoming, 48 s');
  expect(outcome({ ...view, ended: ended('abandoned') })).toBe('Missed');
  expect(outcome({ ...view, ended: ended('answered-elsewhere') })).toBe('Taken by somebody else');
  expect(outcome({ ...view, direction: 'outbound', ended: ended('busy') })).toBe('Not connected');
  const [noon, evening] = [new Date(2027, 0, 4, 12).getTime(), new Date(2027, 0, 4, 20).getTime()];
  expect(when(noon, evening)).not.toContain(',');
  expect(when(noon, evening + 86_400_000)).toMatch(/, /);
});

test('quality is its worse direction', () => {
  const way = (mos: number, grade: 'good' | 'fair' | 'poor') => ({ grade, mos, rtt_ms: 0, jitter_ms: 0, loss_pct: 0 });
  expect(grade({ to_agent: way(4.2, 'good'), to_customer: way(4.2, 'good') })).toBe('good');
  expect(grade({ to_agent: way(4.2, 'good'), to_customer: way(3.2, 'fair') })).toBe('fair');
  expect(grade({ to_agent: way(2.9, 'poor'), to_customer: way(4.2, 'good') })).toBe('poor');
});

test('silence is nothing to a meter and speech fills it', () => {
  const tone = (gain: number) => Float32Array.from({ length: 512 }, (_, n) => gain * Math.sin(n / 3));
  expect(loudness(new Float32Array(512))).toBe(0);
  expect(loudness(tone(0.5))).toBe(1);
  expect(loudness(tone(0.02))).toBeGreaterThan(0.3);
  expect(loudness(tone(0.02))).toBeLessThan(0.6);
});

test('a recording’s picture has the loudest of each stretch, and fewer samples than stretches break nothing', () => {
  expect(peaks(Float32Array.of(0, 0.5, -0.75, 0.25), 2)).toEqual([0.5, 0.75]);
  expect(peaks(Float32Array.of(0.5), 3)).toHaveLength(3);
  expect(peaks(new Float32Array(0), 2)).toEqual([0, 0]);
  expect(bars([0, 1])).toBe('M0.5 0.972V1.028M1.5 0.050V1.950');
});
