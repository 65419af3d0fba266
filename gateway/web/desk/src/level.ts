/** How loud a stream is, for an eye: 0 to 1 of what speech reaches. */

export class LevelMeter {
  readonly #context = new AudioContext();
  readonly #analyser = new AnalyserNode(this.#context, { fftSize: 512 });
  readonly #samples = new Float32Array(this.#analyser.fftSize);
  readonly #timer: ReturnType<typeof setInterval>;
  #level = 0;

  constructor(stream: MediaStream, show: (level: number) => void) {
    this.#context.createMediaStreamSource(stream).connect(this.#analyser);
    this.#timer = setInterval(() => show(this.#next()), FRAME_MS);
  }

  close(): void {
    clearInterval(this.#timer);
    void this.#context.close();
  }

  #next(): number {
    this.#analyser.getFloatTimeDomainData(this.#samples);
    const level = loudness(this.#samples);
    // Up at once and down slowly, as a needle moves.
    this.#level = Math.max(level, this.#level - FALL);
    return this.#level;
  }
}

/** From −60 dB, a quiet room, to −10 dB, a loud voice. */
export function loudness(samples: Float32Array): number {
  const power = samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length;
  const decibels = 10 * Math.log10(power + 1e-12);
  return Math.min(Math.max((decibels + 60) / 50, 0), 1);
}

const FRAME_MS = 80;
const FALL = 0.12;
