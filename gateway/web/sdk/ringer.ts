/** The bell: two soft strokes every three seconds, made here so that no file has to be fetched when a call is waiting. */
export class Ringer {
  readonly #context = new AudioContext();
  readonly #timer = setInterval(() => this.#strike(), 3_000);
  #out?: MediaStreamAudioDestinationNode;
  #element?: HTMLAudioElement;

  /** `device` is a loudspeaker's id; empty, the system's choice. */
  constructor(device: string) {
    if (device) this.use(device).catch(() => undefined);
    this.#strike();
  }

  /**
   * Rings on that loudspeaker, where the browser can choose. Where it can't be had, the bell is on the system's, and this rejects: a bell that is heard
   * elsewhere is better than none.
   */
  async use(device: string): Promise<void> {
    const context = this.#context as AudioContext & { setSinkId?(id: string): Promise<void> };
    try {
      if (context.setSinkId) await context.setSinkId(device);
      // Firefox chooses for elements only.
      else this.#out = await this.#playedOn(device);
    } catch (error) {
      this.#out = undefined;
      await context.setSinkId?.('').catch(() => undefined);
      throw error;
    }
  }

  /** What the loudspeaker plays, once it does: until then nobody would hear it. */
  async #playedOn(device: string): Promise<MediaStreamAudioDestinationNode> {
    const element = (this.#element ??= document.createElement('audio'));
    await element.setSinkId?.(device);
    const out = this.#out ?? this.#context.createMediaStreamDestination();
    element.srcObject = out.stream;
    await element.play();
    return out;
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
      tone.connect(loudness).connect(this.#out ?? this.#context.destination);
      tone.start(start);
      tone.stop(start + 1);
    }
  }
}
