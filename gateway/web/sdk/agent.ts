/**
 * Warmline's SDK: the agent's side of the gateway, for any page.
 *
 * ```js
 * import { Agent } from '/sdk/agent.js';
 * const agent = new Agent({ token });
 * agent.on('call', (call) => draw(call));
 * await agent.signIn();
 * const call = agent.dial('+919000000001');
 * ```
 */

import { Audio } from './audio';
import { Call } from './call';
import { callId } from './call_id';
import { Emitter } from './emitter';
import { MediaLeg, type MediaState } from './media';
import { readiness, type Readiness } from './readiness';
import { dialled, EMPTY, isLive, reduce, refused, type Snapshot } from './snapshot';
import { Socket, type Connection } from './socket';
import { Refusal, type AgentView, type Ask, type CallQuality, type CallView, type Notice, type PageReport, type Requests, type StatusChoice, type WireEvent } from './protocol';
import { Ear } from './ear';
import { holdPlace } from './tabs';
import type { Warning } from './warnings';

export { Audio, type AudioEvents, type Microphone } from './audio';
export { Call, type CallEvents } from './call';
export type { Device, Devices, Switched } from './devices';
export type { MediaState } from './media';
export type { Readiness } from './readiness';
export type { Connection, EndedBecause } from './socket';
export { Refusal } from './protocol';
export type { AgentView, CallQuality, CallState, CallView, Ended, Notice, Problem, Progress, Quality, StatusChoice } from './protocol';
export type { Trouble, Warning } from './warnings';

export interface AgentOptions {
  /** The agent's token, or where a fresh one comes from each time that the page connects. */
  token: string | (() => string | Promise<string>);
  /** Of the agent socket; `/v1/agent` of the page's own origin unless told otherwise. */
  url?: string;
  /** Constraints for the microphone, as for `getUserMedia`. */
  microphone?: MediaTrackConstraints;
  /** Keeps the session over a reload; `sessionStorage` unless told otherwise. */
  storage?: Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;
}

export interface AgentEvents {
  connection: Connection;
  /** The gateway's snapshot of the agent. */
  agent: AgentView;
  readiness: Readiness;
  media: MediaState;
  /** A call is new or has changed. */
  call: Call;
  /** How a talk sounds, as the gateway measures both directions, every 5 s. */
  quality: CallQuality;
  /** What the agent should know of a talk's sound now: all of it, each time that it changes. */
  warnings: Warning[];
  notice: Notice;
  /** Another tab had taken the place of this one, and is closed now: signing in here takes it back. */
  vacant: undefined;
}

export interface DialOptions {
  from?: string;
  /** `ozonetel`, or a trunk's name. */
  via?: string;
  /** Whatever the page wants to find on the call again. */
  context?: unknown;
  /** Whether it is to be recorded, where recording is on demand. */
  record?: boolean;
}

export class Agent extends Emitter<AgentEvents> {
  readonly audio: Audio;
  readonly #storage: NonNullable<AgentOptions['storage']>;
  readonly #socket: Socket;
  readonly #media: MediaLeg;
  readonly #calls = new Map<string, Call>();
  #token: AgentOptions['token'];
  #snapshot: Snapshot = EMPTY;
  #ice: RTCIceServer[] = [];
  #statuses: StatusChoice[] = [];
  #readiness: Readiness = { ready: false, because: 'Not signed in.' };
  #letGo: Array<() => void> = [];
  #place?: () => void;
  readonly #ear: Ear;
  /** What the gateway was told of this side last. */
  #told = '';

  constructor(options: AgentOptions) {
    super();
    this.#token = options.token;
    this.#storage = options.storage ?? sessionStorage;
    this.audio = new Audio(options.microphone);
    this.audio.on('microphone', () => this.#judge());
    this.audio.on('locked', () => this.#judge());
    this.audio.on('track', (track) => this.#speakInto(track));
    this.#media = new MediaLeg({
      negotiate: async (sdp, restart) => (await this.#ask('media', restart ? { sdp, restart } : { sdp })).sdp,
      heard: (stream) => this.audio.play(stream),
      moved: (state) => {
        this.emit('media', state);
        this.#judge();
      },
    });
    this.#socket = new Socket({
      url: options.url ?? `${location.origin.replace(/^http/, 'ws')}/v1/agent`,
      hello: () => this.#hello(),
      report: () => this.#report(),
      sessionUnknown: () => this.#storage.removeItem(SESSION),
      event: (event) => this.#event(event),
      moved: (connection) => this.#connectionMoved(connection),
    });
    this.#ear = new Ear({
      stats: () => this.#media.stats(),
      talk: () => this.calls.find(({ state }) => state === 'connected'),
      changed: (warnings) => this.emit('warnings', warnings),
    });
  }

  get connection(): Connection {
    return this.#socket.connection;
  }

  /** The gateway's snapshot of the agent, once welcomed. */
  get view(): AgentView | undefined {
    return this.#snapshot.agent;
  }

  /** Statuses of the operator's own, besides `available`, `break` and `offline`. */
  get statuses(): readonly StatusChoice[] {
    return this.#statuses;
  }

  get media(): MediaState {
    return this.#media.state;
  }

  /** Whether a call would be heard, and if not, why in words. */
  get readiness(): Readiness {
    return this.#readiness;
  }

  /** All calls that this page knows, oldest first, with those that are over. */
  get calls(): Call[] {
    return [...this.#calls.values()];
  }

  /** What the agent should know of a talk's sound. */
  get warnings(): Warning[] {
    return this.#ear.warnings;
  }

  /** Asks for the microphone and connects, both at once. Resolves when the browser has decided on the microphone. */
  async signIn(): Promise<void> {
    this.#listenToBrowser();
    this.#ear.open();
    this.#socket.open();
    await this.retryAudio();
  }

  /** Tries the microphone and the audio connection again, after the reason why they failed is out of the way. */
  async retryAudio(): Promise<void> {
    this.audio.unlock();
    const track = await this.audio.openMicrophone();
    if (track) this.#speakInto(track);
  }

  /** Without a connection yet, the leg follows the welcome. */
  #speakInto(track: MediaStreamTrack): void {
    if (this.connection.is !== 'open') return;
    if (this.media.is === 'off' || this.media.is === 'down') this.#media.open(track, this.#ice);
    else this.#media.replace(track).catch(reportError);
  }

  /** Ends the session in this page. Calls that are up stay with the gateway for as long as its grace lasts. */
  signOut(): void {
    this.#storage.removeItem(SESSION);
    this.#close('signed-out');
  }

  /** The page is going away, perhaps to come back: the session stays, and so do its calls. */
  leave(): void {
    this.#close('leaving');
  }

  /** Sends a fresh token on the living session, and uses it from now on. */
  async renewToken(token: string): Promise<void> {
    this.#token = token;
    await this.#ask('auth', { token });
  }

  /** Says how the agent stands: `available`, `break`, `offline`, or one of `statuses`. */
  async setStatus(name: string, reason?: string): Promise<void> {
    await this.#ask('status', { name, reason });
  }

  /** Dials. The call is there at once, in `ringing-out`; why it failed, if it does, is in its `ended`. */
  dial(to: string, options: DialOptions = {}): Call {
    const now = Date.now();
    const id = callId(now, crypto.getRandomValues(new Uint8Array(16)));
    this.#become(
      dialled(this.#snapshot, {
        id,
        direction: 'outbound',
        state: 'ringing-out',
        peer: { number: to },
        via: options.via,
        context: options.context,
        started_at: now,
        muted: false,
        recording: 'off',
      }),
    );
    void this.#requestDial({ call: id, to, ...options });
    return this.#calls.get(id)!;
  }

  /** Takes a call that is over off the list. */
  forget(call: Call): void {
    if (call.state !== 'closed') return;
    const calls = new Map(this.#snapshot.calls);
    calls.delete(call.id);
    this.#calls.delete(call.id);
    this.#snapshot = { ...this.#snapshot, calls };
    this.emit('call', call);
  }

  /** A page that knows where tokens come from needn't be told to fetch one. */
  async #refreshToken(): Promise<void> {
    if (typeof this.#token !== 'function') return;
    try {
      await this.#ask('auth', { token: await this.#token() });
    } catch (error) {
      // The notice has been told, too; the next hello asks again.
      reportError(error);
    }
  }

  #holdPlace(agent: string): void {
    if (this.#place) return;
    this.#place = holdPlace(`warmline.${agent}`, () => this.emit('vacant', undefined));
  }

  #report(): PageReport {
    return { ...this.#ear.report(), ...this.audio.report(), path: this.#media.path };
  }

  readonly #ask: Ask = async (op, keys) => {
    try {
      return await this.#socket.ask(op, keys);
    } catch (error) {
      const { call } = keys as { call?: string };
      if (call && op !== 'dial' && error instanceof Refusal && error.problem.status === 404) this.#refused(call, error);
      throw error;
    }
  };

  async #hello(): Promise<Requests['hello']> {
    return {
      token: typeof this.#token === 'function' ? await this.#token() : this.#token,
      sdk: SDK,
      session: this.#storage.getItem(SESSION) ?? undefined,
      seq: this.#snapshot.seq || undefined,
      device: device(),
    };
  }

  async #requestDial(dial: Requests['dial']): Promise<void> {
    try {
      await this.#ask('dial', dial);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      // A dial that was on its way when the socket broke is repeated after the welcome: its id makes that safe.
      if (error.isOffline && this.connection.is === 'waiting') return;
      this.#refused(dial.call, error);
    }
  }

  #refused(call: string, { message, problem }: Refusal): void {
    const reason = problem.type.split('/').pop() ?? 'refused';
    const detail = problem.status === 0 ? 'The call was not placed: there is no connection to the gateway.' : message;
    this.#become(refused(this.#snapshot, call, { by: 'gateway', reason, detail }, Date.now()));
  }

  #event(event: WireEvent): void {
    const mediaBefore = this.view?.media;
    this.#become(reduce(this.#snapshot, event, Date.now()));
    switch (event.ev) {
      case 'welcome':
        this.#storage.setItem(SESSION, event.session);
        this.#ice = event.ice ?? [];
        this.#statuses = event.statuses ?? [];
        this.#holdPlace(event.agent.id);
        this.emit('agent', event.agent);
        this.#warmUp(event.resumed && event.agent.media === 'up' ? 'kept' : 'gone');
        this.#repeatAfterBreak();
        return;
      case 'agent':
        this.emit('agent', event.agent);
        if (mediaBefore === 'up' && event.agent.media === 'down') this.#media.reportedDown();
        this.#judge();
        return;
      case 'quality':
        this.#ear.take(event);
        this.emit('quality', event);
        return;
      case 'notice':
        // The browser may take seconds to see that nothing of its own arrives.
        if (event.kind === 'unheard') return this.#media.reportedUnheard();
        if (event.kind === 'token-expiring') void this.#refreshToken();
        this.emit('notice', event);
        return;
      case 'call':
      case 'bye':
        return;
    }
  }

  /** Makes sure that there is a leg. One that the gateway has kept goes on, and a call on it hears nothing of the break. */
  #warmUp(leg: 'kept' | 'gone'): void {
    const alive = this.media.is === 'up' || this.media.is === 'restarting';
    if (leg === 'kept' && alive) this.#media.nudge();
    // Without a microphone yet, the leg follows in `retryAudio`, as soon as the browser has decided.
    else if (this.audio.track) this.#media.open(this.audio.track, this.#ice);
    this.#judge();
  }

  #repeatAfterBreak(): void {
    for (const call of this.#calls.values()) {
      const unheard = this.#snapshot.calls.get(call.id)?.source === 'page' && call.isLive;
      if (!unheard) call.repeatWishes();
      else if (call.isEnding || Date.now() - call.view.started_at > STALE_DIAL_MS) this.#refused(call.id, Refusal.offline());
      else {
        const { id, peer, via, context } = call.view;
        void this.#requestDial({ call: id, to: peer.number, via, context });
      }
    }
  }

  /** Adopts the next snapshot, and tells the calls that it changes. */
  #become(next: Snapshot): void {
    const before = this.#snapshot;
    this.#snapshot = next;
    const changed = [...next.calls.values()].filter(({ view }) => before.calls.get(view.id)?.view !== view);
    for (const { view } of changed) {
      const known = this.#calls.get(view.id);
      if (known) known.take(view);
      else this.#adopt(view);
    }
    if (changed.length) this.#soundLikeCalls();
  }

  #adopt(view: CallView): void {
    const call = new Call(view, this.#ask);
    this.#calls.set(view.id, call);
    call.on('change', () => {
      this.#soundLikeCalls();
      this.emit('call', call);
    });
    this.emit('call', call);
  }

  /** The microphone and the bell follow from the calls, whoever changed them. */
  #soundLikeCalls(): void {
    const live = this.calls.filter(({ view }) => isLive(view));
    this.audio.silence(live.some((call) => call.muted));
    if (live.some((call) => call.state === 'ringing-in' && !call.isEnding)) this.audio.startRinging();
    else this.audio.stopRinging();
  }

  #connectionMoved(connection: Connection): void {
    if (connection.is === 'ended') {
      if (connection.because === 'replaced' || connection.because === 'taken-over') this.#storage.removeItem(SESSION);
      else this.#leavePlace();
      this.#silenceEverything();
    }
    this.emit('connection', connection);
    this.#judge();
  }

  #judge(): void {
    this.#tellIfChanged();
    const { connection, media, view: agent } = this;
    const { microphone, locked } = this.audio;
    const verdict = readiness({ connection, microphone, locked, media, agent });
    if (JSON.stringify(verdict) === JSON.stringify(this.#readiness)) return;
    this.#readiness = verdict;
    this.emit('readiness', verdict);
  }

  /** The gateway hears of a lost microphone at once, not with the next heartbeat. */
  #tellIfChanged(): void {
    const told = JSON.stringify({ ...this.audio.report(), path: this.#media.path });
    if (told === this.#told) return;
    this.#told = told;
    if (this.connection.is === 'open') this.#socket.tell();
  }

  #leavePlace(): void {
    this.#place?.();
    this.#place = undefined;
  }

  #close(because: 'signed-out' | 'leaving'): void {
    this.#leavePlace();
    this.#socket.close(because);
    this.#silenceEverything();
    this.#judge();
  }

  #silenceEverything(): void {
    for (const letGo of this.#letGo.splice(0)) letGo();
    this.#ear.close();
    this.#media.close();
    this.audio.close();
  }

  #listenToBrowser(): void {
    if (this.#letGo.length) return;
    const listen = (target: EventTarget, event: string, listener: (event: Event) => void) => {
      target.addEventListener(event, listener);
      this.#letGo.push(() => target.removeEventListener(event, listener));
    };
    const nudge = () => {
      this.#socket.nudge();
      this.#media.nudge();
    };
    const networkChanged = () => {
      this.#socket.networkChanged();
      this.#media.networkChanged();
    };
    const unlock = () => this.audio.unlock();
    listen(window, 'online', networkChanged);
    const { connection } = navigator as Navigator & { connection?: EventTarget };
    if (connection) listen(connection, 'change', networkChanged);
    // A new address isn't an event everywhere. Who talks hears packets all the time; when they stop, the socket is asked, and if it is dead,
    // too, the welcome on the next one restarts ICE.
    const talks = () => this.calls.some((call) => call.state === 'connected');
    const watch = setInterval(() => this.#media.stops() && talks() && this.#socket.networkChanged(), LISTEN_MS);
    this.#letGo.push(() => clearInterval(watch));
    // A call is the gateway's, not the tab's: leaving closes the socket and the leg, and hangs nothing up.
    listen(window, 'pagehide', (event) => {
      this.leave();
      // Kept by the browser for its back button, the page comes back as it was.
      if ((event as PageTransitionEvent).persisted) addEventListener('pageshow', () => void this.signIn(), { once: true });
    });
    listen(document, 'visibilitychange', () => document.visibilityState === 'visible' && nudge());
    listen(window, 'pointerdown', unlock);
    listen(window, 'keydown', unlock);
  }
}

/** Between two looks at whether audio still comes. */
const LISTEN_MS = 100;

/** Says which SDK a session speaks, for the gateway's log. */
const SDK = 'warmline-js/0.1.0';

/** This browser's name, the same in all its tabs; none where nothing may be kept. */
function device(): string | undefined {
  try {
    return (localStorage[DEVICE] ??= crypto.randomUUID());
  } catch {
    return undefined;
  }
}

const DEVICE = 'warmline.device';

/** Where the session's id is kept over a reload. */
const SESSION = 'warmline.session';

/** Older than this, a dial that the gateway never heard of isn't placed any more: nobody waits for it. */
const STALE_DIAL_MS = 15_000;
