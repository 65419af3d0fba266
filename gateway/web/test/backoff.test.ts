import { expect, test } from 'vitest';
import { pause } from '../sdk/backoff';

test('without jitter the pauses are the table, and the last one repeats', () => {
  expect([0, 1, 2, 3, 4, 5, 6, 100].map((attempt) => pause(attempt, 0))).toEqual([
    0, 300, 1_200, 2_700, 4_800, 7_000, 7_000, 7_000,
  ]);
});

test('jitter only ever adds, and never more than a quarter and a tenth of a second', () => {
  for (let attempt = 0; attempt < 8; attempt++) {
    const base = pause(attempt, 0);
    for (const random of [0.1, 0.5, 0.999]) {
      expect(pause(attempt, random)).toBeGreaterThan(base);
      expect(pause(attempt, random)).toBeLessThan(base * 1.25 + 100);
    }
  }
});
