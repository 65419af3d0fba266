import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { MediaLeg } from '../sdk/media';

const LONG_MS = 2_000;

let legs: Peer[];

/** A browser's side of a leg: it connects when told, and its reports say what is put into `reports`. */
class Peer {
  connectionState = 'new';
  localDescription = { sdp: 'v=0' };
  onconnectionstatechange?: () => void;
  restarts = 0;
  reports: Array<Record<string, unknown>> = [];
  heard = 0;

  constructor() {
    legs.push(this);
  }

  addTransceiver = () => ({});
  getReceivers = () => [{ getSynchronizationSources: () => [{ timestamp: this.heard }] }];
  setLocalDescription = () => Promise.resolve();
  setRemoteDescription = () => Promise.resolve();
  getStats = async () => new Map(this.reports.map((report, index) => [index, report]));
  restartIce = () => void (this.restarts += 1);
  close = () => undefined;

  connect(): void {
    this.connectionState = 'connected';
    this.onconnectionstatechange?.();
  }

  selects(pair: string, responsesReceived?: number): void {
    this.reports = [
      { type: 'candidate-pair', id: 'unused', responsesReceived: 99 },
      { type: 'candidate-pair', id: pair, responsesReceived },
      { type: 'transport', selectedCandidatePairId: pair },
    ];
  }
}

beforeEach(() => {
  vi.useFakeTimers();
  legs = [];
  vi.stubGlobal('RTCPeerConnection', Peer);
  vi.stubGlobal('RTCRtpReceiver', { getCapabilities: () => undefined });
  vi.stubGlobal('MediaStream', class {});
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

async function opened(): Promise<{ leg: MediaLeg; peer: Peer }> {
  const leg = new MediaLeg({ negotiate: async () => 'v=0', heard: () => undefined, moved: () => undefined });
  leg.open({} as MediaStreamTrack, []);
  await vi.advanceTimersByTimeAsync(0);
  return { leg, peer: legs[0]! };
}

async function up(pair: string, responses?: number): Promise<{ leg: MediaLeg; peer: Peer }> {
  const { leg, peer } = await opened();
  peer.connect();
  peer.selects(pair, responses);
  peer.heard = 1;
  leg.stops();
  return { leg, peer };
}

test('a leg that is being made is left alone when nothing of the page arrives', async () => {
  const { leg, peer } = await opened();
  leg.reportedUnheard();
  await vi.advanceTimersByTimeAsync(LONG_MS);
  expect([legs.length, peer.restarts]).toEqual([1, 0]);
});

test.each([
  ['the same pair', 'old', 8],
  ['another pair', 'new', 1],
])('a restart that the gateway answers on %s is enough, though nothing is heard', async (_, pair, responses) => {
  const { leg, peer } = await up('old', 7);
  leg.reportedUnheard();
  await vi.advanceTimersByTimeAsync(100);
  peer.selects(pair, responses);
  await vi.advanceTimersByTimeAsync(LONG_MS);
  expect([legs.length, peer.restarts]).toEqual([1, 1]);
});

test.each([
  ['the same pair', 'old', 7],
  ['another pair', 'new', 0],
])('a restart that nobody answers on %s is followed by a new leg, though something is heard', async (_, pair, responses) => {
  const { leg, peer } = await up('old', 7);
  leg.reportedUnheard();
  await vi.advanceTimersByTimeAsync(100);
  peer.selects(pair, responses);
  peer.heard = 2;
  leg.stops();
  await vi.advanceTimersByTimeAsync(LONG_MS);
  expect([legs.length, peer.restarts]).toEqual([2, 1]);
});

test.each([
  ['another pair', 'new', 1, 1],
  ['what is heard', 'old', 2, 1],
  ['nothing', 'old', 1, 2],
])('where the browser counts no responses, a restart has worked by %s', async (_, pair, heard, expected) => {
  const { leg, peer } = await up('old');
  leg.reportedUnheard();
  await vi.advanceTimersByTimeAsync(100);
  peer.selects(pair);
  peer.heard = heard;
  leg.stops();
  await vi.advanceTimersByTimeAsync(LONG_MS);
  expect(legs.length).toBe(expected);
});

test('a leg that went down meanwhile is not made twice', async () => {
  const { leg, peer } = await up('old', 7);
  leg.reportedUnheard();
  leg.close();
  await vi.advanceTimersByTimeAsync(LONG_MS);
  expect([leg.state.is, legs.length, peer.restarts]).toEqual(['off', 1, 1]);
});
