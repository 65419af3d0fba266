/** The warm media leg: one RTCPeerConnection for the whole session, to which the gateway bridges calls. */

import { pause } from './backoff';
import { Refusal } from './protocol';
import { isAnswered, selectedPair, type SelectedPair } from './stats';

export type MediaState =
  | { is: 'off' }
  | { is: 'connecting' }
  | { is: 'up' }
  /** ICE is being restarted on the same leg; a call that is up goes on when it succeeds. */
  | { is: 'restarting' }
  | { is: 'down'; detail: string };

export interface MediaEnds {
  /** Carries the offer to the gateway; resolves to its answer. */
  negotiate(sdp: string, restart: boolean): Promise<string>;
  /** The customer's side, one stream a leg. */
  heard(stream: MediaStream): void;
  moved(state: MediaState): void;
}

export class MediaLeg {
  readonly #ends: MediaEnds;
  #state: MediaState = { is: 'off' };
  #pc?: RTCPeerConnection;
  #track: MediaStreamTrack | null = null;
  #ice: RTCIceServer[] = [];
  #attempt = 0;
  /** The newest packet's time as the browser tells it, and since when there was no newer one. */
  #heard = { latest: 0, since: 0 };
  #negotiating = false;
  /** When ICE was restarted last, as `performance.now` tells it. */
  #restarted = -Infinity;
  #timer?: ReturnType<typeof setTimeout>;

  constructor(ends: MediaEnds) {
    this.#ends = ends;
  }

  get state(): MediaState {
    return this.#state;
  }

  /** Makes a new leg; the one before, if any, is closed. */
  open(track: MediaStreamTrack, ice: RTCIceServer[]): void {
    this.#track = track;
    this.#ice = ice;
    this.#attempt = 0;
    this.#build();
  }

  /** Takes another microphone, without a new negotiation. */
  async replace(track: MediaStreamTrack | null): Promise<void> {
    this.#track = track;
    await this.#pc?.getTransceivers()[0]?.sender.replaceTrack(track);
  }

  /**
   * The gateway says that nothing of ours arrives any more. A restart harms nothing, but Chromium holds on to a dead path for three seconds and a half,
   * whatever better one it has found; a new leg holds on to nothing.
   */
  reportedUnheard(now = performance.now()): void {
    const pc = this.#pc;
    // A leg that is being made has its own time; in the midst of a restart another one would only begin again.
    if (!pc || !this.#isMade || now - this.#restarted < RESTART_MS) return;
    const [pair, { latest }] = [pairOf(pc), this.#heard];
    this.networkChanged();
    setTimeout(() => void this.#buildUnlessAnswered(pc, pair, latest), HOPE_MS);
  }

  /** The gateway says that the leg is down. Chromium may believe in a leg long after the other end has closed it. */
  reportedDown(): void {
    if (this.#state.is === 'up') this.#rebuildSoon('The gateway lost the audio connection.');
  }

  /** The way to the gateway may be another. A leg that still gets answers is left alone. */
  nudge(): void {
    // A restart whose offer went into a dead socket is still owed, whatever the browser believes of the old path.
    const isOwed = this.#state.is === 'restarting' || this.#heard.since === Infinity;
    if (isOwed || this.#pc?.connectionState !== 'connected') this.networkChanged();
  }

  /** The network is another: ICE looks for the new way before the old one is missed. */
  networkChanged(): void {
    if (this.#isMade && !this.#negotiating) this.#restart();
  }

  /** Whether audio came until lately and doesn't any more; told once for each stop. No browser says so by itself for five seconds. */
  stops(now = performance.now()): boolean {
    const sources = this.#pc?.getReceivers()[0]?.getSynchronizationSources() ?? [];
    const latest = Math.max(0, ...sources.map((source) => source.timestamp));
    if (latest !== this.#heard.latest) this.#heard = { latest, since: now };
    const stopped = latest > 0 && now - this.#heard.since >= STOPPED_MS;
    if (stopped) this.#heard.since = Infinity;
    return stopped;
  }

  /** Whether the gateway answers on the leg, as the browser sees it; nothing without a leg. */
  get path(): 'up' | 'broken' | undefined {
    switch (this.#pc?.connectionState) {
      case 'connected':
        return 'up';
      case 'disconnected':
      case 'failed':
        return 'broken';
      default:
        return undefined;
    }
  }

  /** What the browser measures of the leg. */
  async stats(): Promise<RTCStatsReport | undefined> {
    return this.#pc?.getStats();
  }

  close(): void {
    this.#letGo();
    this.#move({ is: 'off' });
  }

  get #isMade(): boolean {
    return this.#state.is === 'up' || this.#state.is === 'restarting';
  }

  /** What is heard says little of what is sent: nothing may come because nobody speaks. It counts where the browser tells no more. */
  async #buildUnlessAnswered(pc: RTCPeerConnection, before: Promise<SelectedPair | undefined>, latest: number): Promise<void> {
    if (this.#pc !== pc) return;
    const answered = isAnswered(await pairOf(pc), await before) ?? this.#heard.latest !== latest;
    if (this.#pc === pc && !answered) this.#build();
  }

  #build(): void {
    this.#letGo();
    const pc = new RTCPeerConnection({ iceServers: this.#ice, bundlePolicy: 'max-bundle' });
    this.#pc = pc;
    pc.onconnectionstatechange = () => {
      if (this.#pc === pc) this.#connectionMoved(pc.connectionState);
    };
    pc.ontrack = ({ track }) => this.#ends.heard(new MediaStream([track]));
    const streams = this.#track ? [new MediaStream([this.#track])] : [];
    const transceiver = pc.addTransceiver(this.#track ?? 'audio', { direction: 'sendrecv', streams });
    transceiver.setCodecPreferences?.(telephoneCodecs());
    this.#move({ is: 'connecting' });
    this.#giveUpAfter(CONNECT_MS);
    void this.#negotiate(pc, 'new leg');
  }

  #restart(): void {
    const pc = this.#pc;
    if (!pc) return;
    this.#move({ is: 'restarting' });
    this.#giveUpAfter(RESTART_MS);
    this.#restarted = performance.now();
    pc.restartIce();
    void this.#negotiate(pc, 'ICE restart');
  }

  async #negotiate(pc: RTCPeerConnection, purpose: 'new leg' | 'ICE restart'): Promise<void> {
    this.#negotiating = true;
    try {
      await pc.setLocalDescription();
      // No waiting for candidates: the gateway is ICE-lite and learns ours from the checks.
      const sdp = await this.#ends.negotiate(pc.localDescription!.sdp, purpose === 'ICE restart');
      if (this.#pc !== pc) return;
      await pc.setRemoteDescription({ type: 'answer', sdp });
      // A restart may find the old path healed: then no event will say so.
      this.#connectionMoved(pc.connectionState);
    } catch (error) {
      if (this.#pc !== pc) return;
      if (!(error instanceof Refusal)) this.#rebuildSoon(`The browser refused the audio connection: ${error}`);
      // The old path may still carry audio, and the restart is made up for by the `nudge` after the welcome.
      else if (error.isOffline && purpose === 'ICE restart') clearTimeout(this.#timer);
      else if (error.isOffline || !error.problem.retryable) this.#stayDown(error.message);
      else this.#rebuildSoon(error.message);
    } finally {
      if (this.#pc === pc) this.#negotiating = false;
    }
  }

  #connectionMoved(state: RTCPeerConnectionState): void {
    switch (state) {
      case 'connected':
        clearTimeout(this.#timer);
        this.#attempt = 0;
        this.#move({ is: 'up' });
        return;
      case 'disconnected':
        // Often heals by itself within a second; a restart at once would cost more than it saves.
        clearTimeout(this.#timer);
        this.#timer = setTimeout(() => this.#restart(), HEAL_MS);
        return;
      case 'failed':
        this.#rebuildSoon('No network path for audio to the gateway was found.');
        return;
      case 'new':
      case 'connecting':
      case 'closed':
        return;
    }
  }

  #giveUpAfter(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#rebuildSoon('The audio connection took too long.'), ms);
  }

  #rebuildSoon(detail: string): void {
    this.#stayDown(detail);
    this.#timer = setTimeout(() => this.#build(), pause(this.#attempt, Math.random()));
    this.#attempt += 1;
  }

  /** Down until somebody opens a new leg: after the next welcome, or when the microphone is tried again. */
  #stayDown(detail: string): void {
    this.#letGo();
    this.#move({ is: 'down', detail });
  }

  #letGo(): void {
    clearTimeout(this.#timer);
    this.#negotiating = false;
    this.#pc?.close();
    this.#pc = undefined;
  }

  #move(state: MediaState): void {
    this.#state = state;
    this.#ends.moved(state);
  }
}

async function pairOf(pc: RTCPeerConnection): Promise<SelectedPair | undefined> {
  const reports = await pc.getStats().catch(() => undefined);
  return reports && selectedPair(reports.values());
}

/** What the gateway may choose from: G.711 first, as most customers' sides speak it, since then no sample is ever transcoded. */
function telephoneCodecs(): RTCRtpCodec[] {
  const rank = ['PCMA/8000', 'PCMU/8000', 'opus/48000', 'G722/8000', 'telephone-event/8000', 'telephone-event/48000'];
  const place = ({ mimeType, clockRate }: RTCRtpCodec) => rank.indexOf(`${mimeType.slice('audio/'.length)}/${clockRate}`);
  return (RTCRtpReceiver.getCapabilities('audio')?.codecs ?? []).filter((codec) => place(codec) >= 0).sort((a, b) => place(a) - place(b));
}

/** ICE and DTLS on a bad network; 60–85 ms on a good one. */
const CONNECT_MS = 10_000;
const RESTART_MS = 5_000;
/** For a restart to find a way on which the gateway answers, where it can. */
const HOPE_MS = 500;
const HEAL_MS = 1_500;
/** Longer than what networks hold back and deliver late. */
const STOPPED_MS = 500;
