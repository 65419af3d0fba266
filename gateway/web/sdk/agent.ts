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
import { Refusal, type AgentView, type Ask, type CallQuality, type CallView, type Notice, type Requests, type WireEvent } from './wire';

export { Audio, type AudioEvents, type Microphone } from './audio';
export { Call, type CallEvents } from './call';
export type { MediaState } from './media';
export type { Readiness } from './readiness';
export type { Connection, EndedBecause } from './socket';
export { Refusal } from './wire';
export type { AgentView, CallQuality, CallState, CallView, Ended, Notice, Problem, Progress, Quality } from './wire';

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
  /** How the call sounds, every few seconds. */
  quality: CallQuality;
  notice: Notice;
}

export interface DialOptions {
  from?: string;
  /** `ozonetel`, or a trunk's name. */
  via?: string;
  /** Whatever the page wants to find on the call again. */
  context?: unknown;
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
  #readiness: Readiness = { ready: false, because: 'Not signed in.' };
  #letGo: Array<() => void> = [];

  constructor(options: AgentOptions) {
    super();
    this.#token = options.token;
    this.#storage = options.storage ?? sessionStorage;
    this.audio = new Audio(options.microphone);
    this.audio.on('microphone', () => this.#judge());
    this.audio.on('locked', () => this.#judge());
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
      sessionUnknown: () => this.#storage.removeItem(SESSION),
      event: (event) => this.#event(event),
      moved: (connection) => this.#connectionMoved(connection),
    });
  }

  get connection(): Connection {
    return this.#socket.connection;
  }

  /** The gateway's snapshot of the agent, once welcomed. */
  get view(): AgentView | undefined {
    return this.#snapshot.agent;
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

  /** Asks for the microphone and connects, both at once. Resolves when the browser has decided on the microphone. */
  async signIn(): Promise<void> {
    this.#listenToBrowser();
    this.#socket.open();
    await this.retryAudio();
  }

  /** Tries the microphone and the audio connection again, after the reason why they failed is out of the way. */
  async retryAudio(): Promise<void> {
    this.audio.unlock();
    const track = await this.audio.openMicrophone();
    if (!track || this.connection.is !== 'open') return;
    if (this.media.is === 'off' || this.media.is === 'down') this.#media.open(track, this.#ice);
    else await this.#media.replace(track);
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

  /** Says how the agent stands: `available`, `break`, `offline`, or whatever else the gateway knows. */
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

  readonly #ask: Ask = async (op, keys) => {
    try {
      return await this.#socket.ask(op, keys);
    } catch (error) {
      const call = 'call' in keys ? keys.call : undefined;
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
        this.emit('quality', event);
        return;
      case 'notice':
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
      if (connection.because === 'replaced') this.#storage.removeItem(SESSION);
      this.#silenceEverything();
    }
    this.emit('connection', connection);
    this.#judge();
  }

  #judge(): void {
    const { connection, media, view: agent } = this;
    const { microphone, locked } = this.audio;
    const verdict = readiness({ connection, microphone, locked, media, agent });
    if (JSON.stringify(verdict) === JSON.stringify(this.#readiness)) return;
    this.#readiness = verdict;
    this.emit('readiness', verdict);
  }

  #close(because: 'signed-out' | 'leaving'): void {
    this.#socket.close(because);
    this.#silenceEverything();
    this.#judge();
  }

  #silenceEverything(): void {
    for (const letGo of this.#letGo.splice(0)) letGo();
    this.#media.close();
    this.audio.close();
  }

  #listenToBrowser(): void {
    if (this.#letGo.length) return;
    const listen = (target: EventTarget, event: string, listener: () => void) => {
      target.addEventListener(event, listener);
      this.#letGo.push(() => target.removeEventListener(event, listener));
    };
    const nudge = () => {
      this.#socket.nudge();
      this.#media.nudge();
    };
    const unlock = () => this.audio.unlock();
    listen(window, 'online', nudge);
    listen(document, 'visibilitychange', () => document.visibilityState === 'visible' && nudge());
    listen(window, 'pointerdown', unlock);
    listen(window, 'keydown', unlock);
  }
}

/** Says which SDK a session speaks, for the gateway's log. */
const SDK = 'warmline-js/0.1.0';

/** Where the session's id is kept over a reload. */
const SESSION = 'warmline.session';

/** Older than this, a dial that the gateway never heard of isn't placed any more: nobody waits for it. */
const STALE_DIAL_MS = 15_000;
