// The measuring stick itself: if it can't tell tones apart, no other test here means anything.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeAlaw, decodeUlaw, isTone, peak, tone, ulaw, TELEPHONE_RATE } from './audio.mjs';

const second = { rate: TELEPHONE_RATE, seconds: 1 };

test('a tone is found by its frequency after µ-law', () => {
  const heard = peak(Float64Array.from(ulaw(tone(700, second)), decodeUlaw), TELEPHONE_RATE);
  assert.ok(isTone(heard, 700), JSON.stringify(heard));
  assert.ok(!isTone(heard, 440));
});

test('two tones together, noise and silence are none of them', () => {
  const low = tone(440, second);
  const high = tone(700, second);
  assert.ok(!isTone(peak(low.map((sample, n) => sample + high[n]), TELEPHONE_RATE), 440));
  let seed = 1;
  const noise = low.map(() => ((seed = (seed * 48271) % 2147483647) / 2147483647) - 0.5);
  const heard = peak(noise, TELEPHONE_RATE);
  assert.ok(!isTone(heard, heard.hz));
  assert.ok(!isTone(peak(low.map(() => 0), TELEPHONE_RATE), 100));
});

test('µ-law comes back within its own step, A-law at the values of G.711', () => {
  for (const value of [0, 0.001, -0.01, 0.1, -0.4, 0.9]) {
    const [byte] = ulaw([value]);
    assert.ok(Math.abs(decodeUlaw(byte) - value) <= 0.001 + Math.abs(value) / 16, `${value} → ${decodeUlaw(byte)}`);
  }
  assert.equal(decodeAlaw(0xd5) * 32768, 8); // the smallest positive step
  assert.equal(decodeAlaw(0xaa) * 32768, 32256); // the largest
  assert.equal(decodeAlaw(0x2a) * 32768, -32256);
});
