/** What the agent's ears and mouth are made of: the microphone, the customer's voice, the ringing. */

import { Emitter } from './emitter';

export type Microphone =
  | { is: 'off' }
  /** The browser is asking the agent for permission. */
  | { is: 'asking' }
  | { is: 'on' }
  | { is: 'refused'; reason: 'denied' | 'absent' | 'busy' | 'lost' | 'insecure'; detail: string };

export interface AudioEvents {
  microphone: Microphone;
  /** Whether the browser keeps the customer's voice silent until the page is clicked. */
  locked: boolean;
  /** The leg's stream was replaced, and with it what is heard. */
  remote: MediaStream;
}

export class Audio extends Emitter<AudioEvents> {
  readonly #constraints: MediaTrackConstraints;
  readonly #element = document.createElement('audio');
  #microphone: Microphone = { is: 'off' };
  #track?: MediaStreamTrack;
  #remote?: MediaStream;
  #locked = false;
  #silenced = false;
  #asking?: Promise<MediaStreamTrack | undefined>;
  #ringer?: Ringer;

  constructor(constraints: MediaTrackConstraints = {}) {
    super();
    this.#constraints = constraints;
    this.#element.autoplay = true;
  }

  get microphone(): Microphone {
    return this.#microphone;
  }

  /** Whether the browser holds the sound back until the agent has clicked or pressed a key. */
  get locked(): boolean {
    return this.#locked;
  }

  /** The customer's side of the present leg. */
  get remoteStream(): MediaStream | undefined {
    return this.#remote;
  }

  /** The microphone's track, while there is one. */
  get track(): MediaStreamTrack | undefined {
    return this.#track;
  }

  /** Asks for the microphone, once however often it is called; the answer is in `microphone`, too. */
  openMicrophone(): Promise<MediaStreamTrack | undefined> {
    if (this.#track) return Promise.resolve(this.#track);
    this.#asking ??= this.#askForMicrophone().finally(() => (this.#asking = undefined));
    return this.#asking;
  }

  /** Local silence, for mute. The gateway stops forwarding as well; this takes effect first. */
  silence(silenced: boolean): void {
    this.#silenced = silenced;
    if (this.#track) this.#track.enabled = !silenced;
  }

  /** Plays what the customer says. */
  play(stream: MediaStream): void {
    this.#remote = stream;
    this.#element.srcObject = stream;
    this.emit('remote', stream);
    this.#start();
  }

  /** To be called in a click or a key press: lets out the sound that the browser holds back. */
  unlock(): void {
    this.#ringer?.resume();
    if (this.#locked) this.#start();
  }

  startRinging(): void {
    this.#ringer ??= new Ringer();
  }

  stopRinging(): void {
    this.#ringer?.stop();
    this.#ringer = undefined;
  }

  /** Lets go of the microphone, so that the browser's recording sign goes out. */
  close(): void {
    this.stopRinging();
    this.#track?.stop();
    this.#track = undefined;
    this.#element.srcObject = null;
    this.#remote = undefined;
    this.#setMicrophone({ is: 'off' });
  }

  #start(): void {
    this.#element.play().then(
      () => this.#setLocked(false),
      (error: DOMException) => {
        // AbortError only says that a newer stream took the place of this one.
        if (error.name === 'NotAllowedError') this.#setLocked(true);
      },
    );
  }

  async #askForMicrophone(): Promise<MediaStreamTrack | undefined> {
    this.#setMicrophone({ is: 'asking' });
    try {
      if (!navigator.mediaDevices) throw new DOMException('', 'SecurityError');
      const stream = await navigator.mediaDevices.getUserMedia({ audio: this.#constraints });
      const track = stream.getAudioTracks()[0]!;
      // Closed while the browser was asking: nobody wants the microphone any more.
      if (this.#microphone.is === 'off') return void track.stop();
      track.enabled = !this.#silenced;
      track.onended = () => this.#lost(track);
      this.#track = track;
      this.#setMicrophone({ is: 'on' });
      return track;
    } catch (error) {
      this.#setMicrophone({ is: 'refused', ...explain(error) });
      return undefined;
    }
  }

  #lost(track: MediaStreamTrack): void {
    if (this.#track !== track) return;
    this.#track = undefined;
    const detail = 'The microphone was unplugged, or its permission was taken back.';
    this.#setMicrophone({ is: 'refused', reason: 'lost', detail });
  }

  #setMicrophone(microphone: Microphone): void {
    this.#microphone = microphone;
    this.emit('microphone', microphone);
  }

  #setLocked(locked: boolean): void {
    if (this.#locked === locked) return;
    this.#locked = locked;
    this.emit('locked', locked);
  }
}

/** The bell: two soft strokes every three seconds, made here so that no file has to be fetched when a call is waiting. */
class Ringer {
  readonly #context = new AudioContext();
  readonly #timer = setInterval(() => this.#strike(), 3_000);

  constructor() {
    this.#strike();
  }

  resume(): void {
    void this.#context.resume();
  }

  stop(): void {
    clearInterval(this.#timer);
    void this.#context.close();
  }

  #strike(): void {
    if (this.#context.state !== 'running') return void this.#context.resume();
    for (const [hertz, after] of [[660, 0], [880, 0.18]] as const) {
      const start = this.#context.currentTime + after;
      const tone = new OscillatorNode(this.#context, { frequency: hertz });
      const loudness = new GainNode(this.#context, { gain: 0 });
      loudness.gain.linearRampToValueAtTime(0.15, start + 0.02);
      loudness.gain.exponentialRampToValueAtTime(0.001, start + 0.9);
      tone.connect(loudness).connect(this.#context.destination);
      tone.start(start);
      tone.stop(start + 1);
    }
  }
}

function explain(error: unknown): { reason: 'denied' | 'absent' | 'busy' | 'insecure'; detail: string } {
  switch (error instanceof DOMException ? error.name : '') {
    case 'NotAllowedError':
      return { reason: 'denied', detail: 'The browser may not use the microphone. Allow it in the address bar.' };
    case 'NotFoundError':
    case 'OverconstrainedError':
      return { reason: 'absent', detail: 'No microphone was found. Plug a headset in.' };
    case 'SecurityError':
      return { reason: 'insecure', detail: 'Browsers give a microphone to secure pages only: open this page over https.' };
    default:
      return { reason: 'busy', detail: 'The microphone could not be opened. Another program may be using it.' };
  }
}
