import { expect, test } from 'vitest';
import { callId } from '../sdk/call_id';

const ZEROS = new Uint8Array(16);
const ONES = new Uint8Array(16).fill(0xff);

test('the timestamp of RFC 9562, appendix A.6, stands in the first 48 bits', () => {
  expect(callId(0x017f22e279b0, ZEROS)).toBe('c_017f22e2-79b0-7000-8000-000000000000');
});

test('version and variant stand whatever the random bytes are', () => {
  expect(callId(0, ONES)).toBe('c_00000000-0000-7fff-bfff-ffffffffffff');
});

test('ids sort by the time they were made', () => {
  const times = [1, 255, 256, 2 ** 32 - 1, 2 ** 32, 2 ** 41];
  const ids = times.map((time, i) => callId(time, i % 2 ? ZEROS : ONES));
  expect([...ids].sort()).toEqual(ids);
});

test('the random bytes that were given are left as they are', () => {
  const random = Uint8Array.from({ length: 16 }, (_, i) => i);
  callId(1, random);
  expect(random[0]).toBe(0);
  expect(random[15]).toBe(15);
});
