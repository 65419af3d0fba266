import { expect, test } from 'vitest';
import { sample, SILENCE_DB, type Sample } from '../sdk/stats';

const inbound = (packetsReceived: number, packetsLost = 0, jitter = 0.004) => ({ type: 'inbound-rtp', packetsReceived, packetsLost, jitter });

test('loss is of the time since the sample before, jitter and round trip in milliseconds', () => {
  const first = sample([inbound(100, 10)], undefined, 1_000);
  expect(first.lossPct).toBeCloseTo(9.09, 1);
  const pair = { type: 'candidate-pair', nominated: true, currentRoundTripTime: 0.08 };
  const idle = { type: 'candidate-pair', nominated: false, currentRoundTripTime: 9 };
  const second = sample([inbound(149, 11), pair, idle, { type: 'outbound-rtp', packetsSent: 50 }], first, 2_000);
  expect(second).toMatchObject({ lossPct: 2, jitterMs: 4, rttMs: 80, sent: 50, received: 149 });
});

test('silence is counted from the last packet, and a new leg begins anew', () => {
  const first = sample([inbound(100)], undefined, 1_000);
  const second = sample([inbound(100)], first, 2_000);
  const third = sample([inbound(100)], second, 3_000);
  expect([second.silentSince, third.silentSince]).toEqual([1_000, 1_000]);
  expect(sample([inbound(101)], third, 4_000).silentSince).toBeUndefined();
  expect(sample([inbound(20)], third, 4_000)).toMatchObject({ lossPct: 0, received: 20 });
});

test('the level is in decibels, and digital silence has one', () => {
  const level = (audioLevel: number): Sample => sample([{ type: 'media-source', audioLevel }], undefined, 0);
  expect(level(1).levelDb).toBe(0);
  expect(level(0.1).levelDb).toBeCloseTo(-20);
  expect(level(0).levelDb).toBe(SILENCE_DB);
});
