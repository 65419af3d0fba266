/** What the agent's ears and mouth are made of: the microphone, the customer's voice, the ringing. */

import { devices, systemsChoice, type Devices, type Switched } from './devices';
import { Emitter } from './emitter';
import type { PageReport } from './protocol';
import { Ringer } from './ringer';

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
  /** The microphone is another: because the agent chose it, or one came back. */
  track: MediaStreamTrack;
  /** The microphone is another, and nobody chose it. */
  switched: Switched;
}

export class Audio extends Emitter<AudioEvents> {
  #constraints: MediaTrackConstraints;
  readonly #element = document.createElement('audio');
  #microphone: Microphone = { is: 'off' };
  #track?: MediaStreamTrack;
  #remote?: MediaStream;
  #locked = false;
  #silenced = false;
  #asking?: Promise<MediaStreamTrack | undefined>;
  #ringer?: Ringer;
  #ringerDevice = '';
  #permission?: PermissionStatus;
  #systemsChoice?: string;

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

  /** What there is to choose from. */
  devices(): Promise<Devices> {
    return devices();
  }

  /** Speaks into another microphone from now on, in a talk too; `undefined` is the system's choice. */
  async useMicrophone(id?: string): Promise<void> {
    this.#constraints = { ...this.#constraints, deviceId: id === undefined ? undefined : { exact: id } };
    await this.#reopen();
  }

  /** Hears the customer from another loudspeaker. */
  async useSpeaker(id: string): Promise<void> {
    await this.#element.setSinkId(id);
  }

  /** Rings on another loudspeaker than the customer's voice: one that is heard with the headset on the table. */
  async useRinger(id: string): Promise<void> {
    this.#ringerDevice = id;
    await this.#ringer?.use(id);
  }

  /** The microphone and the loudspeaker, as the gateway is told of them. */
  report(): Pick<PageReport, 'permission' | 'microphone' | 'loudspeaker'> {
    const microphone = this.#microphone;
    const denied = microphone.is === 'refused' && microphone.reason === 'denied';
    const reason = microphone.is === 'refused' && microphone.reason !== 'denied' ? microphone.reason : undefined;
    return {
      permission: denied ? 'denied' : microphone.is === 'asking' && this.#permission?.state === 'prompt' ? 'prompt' : undefined,
      microphone: microphone.is === 'on' ? 'on' : reason,
      loudspeaker: this.#locked ? 'suspended' : 'running',
    };
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
    this.#ringer ??= new Ringer(this.#ringerDevice);
  }

  stopRinging(): void {
    this.#ringer?.stop();
    this.#ringer = undefined;
  }

  /** Lets go of the microphone, so that the browser's recording sign goes out. */
  close(): void {
    this.stopRinging();
    this.#drop();
    navigator.mediaDevices?.removeEventListener('devicechange', this.#devicesChanged);
    if (this.#permission) this.#permission.onchange = null;
    this.#permission = undefined;
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
      void this.#watch();
      const stream = await navigator.mediaDevices.getUserMedia({ audio: this.#constraints });
      const track = stream.getAudioTracks()[0]!;
      // Closed while the browser was asking: nobody wants the microphone any more.
      if (this.#microphone.is === 'off') return void track.stop();
      track.enabled = !this.#silenced;
      track.onended = () => void this.#lost(track);
      this.#track = track;
      this.#systemsChoice = await systemsChoice();
      this.#setMicrophone({ is: 'on' });
      this.emit('track', track);
      return track;
    } catch (error) {
      this.#setMicrophone({ is: 'refused', ...explain(error) });
      return undefined;
    }
  }

  /** Unplugged, or its permission taken back: another one takes its place, if there is one and we may. */
  async #lost(track: MediaStreamTrack): Promise<void> {
    if (this.#track !== track) return;
    const lost = track.label;
    this.#drop();
    this.#setMicrophone({ is: 'refused', reason: 'lost', detail: LOST });
    this.#constraints = { ...this.#constraints, deviceId: undefined };
    const next = await this.openMicrophone();
    if (next) this.emit('switched', { because: 'unplugged', detail: `${lost || 'The microphone'} was unplugged; ${named(next)} is used now.` });
  }

  /** Lets go of the present microphone and takes the one that the constraints ask for. */
  async #reopen(): Promise<MediaStreamTrack | undefined> {
    await this.#asking;
    this.#drop();
    return this.openMicrophone();
  }

  #drop(): void {
    if (this.#track) this.#track.onended = null;
    this.#track?.stop();
    this.#track = undefined;
  }

  /** A headset that comes, goes, or becomes the system's choice; a permission that is given or taken back. */
  async #watch(): Promise<void> {
    navigator.mediaDevices.addEventListener('devicechange', this.#devicesChanged);
    // Not every browser tells of this permission.
    const permission = await navigator.permissions?.query({ name: 'microphone' as PermissionName }).catch(() => undefined);
    if (!permission || this.#permission || this.#microphone.is === 'off') return;
    this.#permission = permission;
    permission.onchange = () => this.#permissionChanged(permission.state);
  }

  #permissionChanged(state: PermissionState): void {
    if (state === 'denied') {
      this.#drop();
      this.#setMicrophone({ is: 'refused', ...DENIED });
    } else if (state === 'granted' && this.#microphone.is === 'refused') void this.openMicrophone();
  }

  readonly #devicesChanged = async (): Promise<void> => {
    const microphone = this.#microphone;
    if (microphone.is === 'refused' && (microphone.reason === 'absent' || microphone.reason === 'lost')) {
      await this.openMicrophone();
      return;
    }
    const track = this.#track;
    if (!track) return;
    const { microphones } = await devices();
    const own = track.getSettings().deviceId;
    if (this.#track !== track) return;
    if (own && microphones.every(({ id }) => id !== own)) return this.#lost(track);
    const choice = await systemsChoice();
    if (this.#constraints.deviceId !== undefined || choice === this.#systemsChoice || this.#track !== track) return;
    const next = await this.#reopen();
    if (next) this.emit('switched', { because: 'default-changed', detail: `The system's microphone is ${named(next)} now, and so is yours.` });
  };

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

const LOST = 'The microphone was unplugged, or its permission was taken back.';

const DENIED = { reason: 'denied', detail: 'The browser may not use the microphone. Allow it in the address bar.' } as const;

function named(track: MediaStreamTrack): string {
  return track.label || 'another one';
}

function explain(error: unknown): { reason: 'denied' | 'absent' | 'busy' | 'insecure'; detail: string } {
  switch (error instanceof DOMException ? error.name : '') {
    case 'NotAllowedError':
      return DENIED;
    case 'NotFoundError':
    case 'OverconstrainedError':
      return { reason: 'absent', detail: 'No microphone was found. Plug a headset in.' };
    case 'SecurityError':
      return { reason: 'insecure', detail: 'Browsers give a microphone to secure pages only: open this page over https.' };
    default:
      return { reason: 'busy', detail: 'The microphone could not be opened. Another program may be using it.' };
  }
}
