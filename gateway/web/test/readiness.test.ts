import { expect, test } from 'vitest';
import { readiness, type Facts } from '../sdk/readiness';

const READY: Facts = {
  connection: { is: 'open' },
  microphone: { is: 'on' },
  locked: false,
  media: { is: 'up' },
  agent: { id: 'agent7', name: 'Asha Verma', status: { name: 'available', since: 0 }, line: 'up', media: 'up', ready: true },
};

test('ready is everything at once', () => {
  expect(readiness(READY)).toEqual({ ready: true });
});

test.each([
  ['the socket', { connection: { is: 'waiting', attempt: 1, until: 0 } }],
  ['the welcome', { connection: { is: 'connecting', attempt: 0 } }],
  ['the permission', { microphone: { is: 'asking' } }],
  ['the microphone', { microphone: { is: 'refused', reason: 'absent', detail: 'No microphone was found.' } }],
  ['the leg', { media: { is: 'connecting' } }],
  ['the sound', { locked: true }],
  ['the gateway’s word', { agent: { ...READY.agent!, ready: false, not_ready_because: 'The line is down.' } }],
  ['the gateway’s snapshot', { agent: undefined }],
] as const)('without %s the agent is not ready, and a sentence says so', (_, missing) => {
  const verdict = readiness({ ...READY, ...missing } as Facts);
  expect(verdict.ready).toBe(false);
  expect(verdict).toHaveProperty('because', expect.stringMatching(/^[A-Z].*\.$/));
});

test('the page’s own reason goes before the gateway’s', () => {
  const agent = { ...READY.agent!, ready: false, not_ready_because: 'No audio arrives from the browser.' };
  const microphone = { is: 'refused', reason: 'denied', detail: 'The browser may not use the microphone.' } as const;
  expect(readiness({ ...READY, agent, microphone })).toMatchObject({ because: microphone.detail });
});
