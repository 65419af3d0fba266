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

  /** Rings on that loudspeaker, where the browser can choose. */
  async use(device: string): Promise<void> {
    const context = this.#context as AudioContext & { setSinkId?(id: string): Promise<void> };
    if (context.setSinkId) return context.setSinkId(device);
    // Firefox chooses for elements only.
    const out = (this.#out ??= context.createMediaStreamDestination());
    const element = (this.#element ??= document.createElement('audio'));
    await element.setSinkId?.(device);
    element.srcObject = out.stream;
    await element.play();
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
