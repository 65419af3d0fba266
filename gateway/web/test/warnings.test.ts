import { expect, test } from 'vitest';
import { SILENCE_DB, type Sample } from '../sdk/stats';
import { Warnings, type Second } from '../sdk/warnings';

function second(sample: Partial<Sample> = {}, more: Partial<Second> = {}): Second {
  return { sample: { at: 10_000, received: 50, lost: 0, sent: 50, levelDb: -20, ...sample }, muted: false, ...more };
}

/** What is raised after each of these seconds. */
function raised(seconds: Second[]): string[] {
  const warnings = new Warnings();
  return seconds.map((each) => {
    warnings.take(each);
    return warnings.raised.map(({ trouble }) => trouble).join();
  });
}

const times = (n: number, each: Second) => Array.from({ length: n }, () => each);

test.each([
  ['jitter', { jitterMs: 31 }, { jitterMs: 30 }],
  ['round-trip', { rttMs: 401 }, { rttMs: 400 }],
  ['loss', { lossPct: 1.1 }, { lossPct: 1 }],
] as const)('%s is told after three bad seconds and taken back after five good ones', (trouble, bad, good) => {
  expect(raised([...times(3, second(bad)), ...times(5, second(good))])).toEqual(['', '', ...Array(5).fill(trouble), '']);
  expect(raised([...times(2, second(bad)), second(good), ...times(2, second(bad))])).toEqual(Array(5).fill(''));
  expect(raised([...times(3, second(bad)), ...times(4, second(good)), second(bad), ...times(4, second(good))]).slice(2)).toEqual(Array(10).fill(trouble));
});

test('a score below three is told at once', () => {
  expect(raised([second({}, { mos: 3 }), second({}, { mos: 2.9 })])).toEqual(['', 'quality']);
});

test('three seconds without a packet are told, and the next packet takes it back', () => {
  expect(raised([second({ silentSince: 7_001 }), second({ silentSince: 7_000 }), second()])).toEqual(['', 'no-audio', '']);
});

test('a microphone without any sound is told after ten seconds, unless the agent is muted', () => {
  const dead = second({ levelDb: SILENCE_DB });
  expect(raised([...times(10, dead), second()]).slice(8)).toEqual(['', 'microphone', '']);
  expect(raised(times(12, { ...dead, muted: true })).at(-1)).toBe('');
});

test('take says whether anything changed, and reset whether anything was raised', () => {
  const warnings = new Warnings();
  expect(warnings.take(second())).toBe(false);
  expect(warnings.take(second({}, { mos: 1 }))).toBe(true);
  expect(warnings.take(second({}, { mos: 1 }))).toBe(false);
  expect(warnings.reset()).toBe(true);
  expect(warnings.reset()).toBe(false);
  expect(warnings.raised).toEqual([]);
});
