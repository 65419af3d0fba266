import { expect, test } from 'vitest';
import type { CallView } from '../sdk/agent';
import { parseNumber } from '../desk/src/number';
import { onStage, type CallFace } from '../desk/src/stage';
import { clock, duration, kicker } from '../desk/src/words';

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
