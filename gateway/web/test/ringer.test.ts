import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Ringer } from '../sdk/ringer';

const STROKE_MS = 3_000;
const unplugged = () => Promise.reject(new DOMException('', 'NotFoundError'));

/** Where the strokes went to. */
let struck: unknown[];
let sinks: string[];
const [system, stream] = ['the system’s loudspeaker', 'a stream for an element'];

class Node {
  gain = { linearRampToValueAtTime: () => undefined, exponentialRampToValueAtTime: () => undefined };
  start = () => undefined;
  stop = () => undefined;
  connect<To>(to: To): To {
    if (!(to instanceof Node)) struck.push(to);
    return to;
  }
}

class Context {
  state = 'running';
  currentTime = 0;
  destination = system;
  createMediaStreamDestination = () => stream;
  resume = () => Promise.resolve();
  close = () => Promise.resolve();
}

beforeEach(() => {
  vi.useFakeTimers();
  [struck, sinks] = [[], []];
  vi.stubGlobal('OscillatorNode', Node);
  vi.stubGlobal('GainNode', Node);
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

/** A browser that chooses for elements only. */
function elements({ setSinkId = () => Promise.resolve(), play = () => Promise.resolve() }: { setSinkId?: () => Promise<void>; play?: () => Promise<void> }) {
  vi.stubGlobal('AudioContext', Context);
  vi.stubGlobal('document', { createElement: () => ({ setSinkId, play }) });
}

/** A browser that chooses for contexts. */
function contexts(setSinkId: (id: string) => Promise<void>) {
  class Choosing extends Context {
    setSinkId = (id: string) => (sinks.push(id), setSinkId(id));
  }
  vi.stubGlobal('AudioContext', Choosing);
}

async function nextStroke(): Promise<unknown> {
  struck = [];
  await vi.advanceTimersByTimeAsync(STROKE_MS);
  return struck[0];
}

test('the bell is on its own loudspeaker', async () => {
  elements({});
  const ringer = new Ringer('table');
  expect(await nextStroke()).toBe(stream);
  ringer.stop();
});

test.each([
  ['is unplugged', { setSinkId: unplugged }],
  ['may not be played on', { play: unplugged }],
  ['takes its time', { play: () => new Promise<void>(() => undefined) }],
])('a loudspeaker that %s leaves the bell on the system’s', async (_, browser) => {
  elements(browser);
  const ringer = new Ringer('table');
  expect(await nextStroke()).toBe(system);
  ringer.stop();
});

test('a loudspeaker that is chosen while it rings and can’t be had is told, and the bell goes to the system’s', async () => {
  const play = vi.fn(() => Promise.resolve());
  elements({ play });
  const ringer = new Ringer('table');
  expect(await nextStroke()).toBe(stream);
  play.mockImplementation(unplugged);
  await expect(ringer.use('headset')).rejects.toThrow(DOMException);
  expect(await nextStroke()).toBe(system);
  ringer.stop();
});

test('a context whose loudspeaker can’t be had goes back to the system’s', async () => {
  contexts((id) => (id ? unplugged() : Promise.resolve()));
  const ringer = new Ringer('table');
  expect(await nextStroke()).toBe(system);
  expect(sinks).toEqual(['table', '']);
  ringer.stop();
});
