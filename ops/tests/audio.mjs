// Tones out, spectra in: whether audio flows is decided by its frequency, never by packet counts.

export const TELEPHONE_RATE = 8000;
export const BROWSER_RATE = 48000;

const AMPLITUDE = 0.4;

/** Mono samples in −1…1. Whole seconds, so that a player can loop it without a click when `hz` is a whole number. */
export function tone(hz, { rate, seconds }) {
  return Float64Array.from({ length: rate * seconds }, (_, n) => AMPLITUDE * Math.sin((2 * Math.PI * hz * n) / rate));
}

/** A WAV file of 16 bit, the same in each channel. */
export function wav(samples, rate, channels = 1) {
  const frame = channels * 2;
  const file = Buffer.alloc(44 + samples.length * frame);
  file.write('RIFF', 0);
  file.writeUInt32LE(36 + samples.length * frame, 4);
  file.write('WAVEfmt ', 8);
  file.writeUInt32LE(16, 16);
  file.writeUInt16LE(1, 20); // PCM
  file.writeUInt16LE(channels, 22);
  file.writeUInt32LE(rate, 24);
  file.writeUInt32LE(rate * frame, 28);
  file.writeUInt16LE(frame, 32);
  file.writeUInt16LE(16, 34);
  file.write('data', 36);
  file.writeUInt32LE(samples.length * frame, 40);
  samples.forEach((sample, n) => {
    for (let channel = 0; channel < channels; channel++) file.writeInt16LE(Math.round(sample * 32767), 44 + n * frame + channel * 2);
  });
  return file;
}

/** Bare µ-law bytes, as SIPp's `rtp_stream` plays them. */
export function ulaw(samples) {
  return Buffer.from(Uint8Array.from(samples, (sample) => encodeUlaw(Math.round(sample * 32767))));
}

const BIAS = 0x84;
const CLIP = 32635;

function encodeUlaw(linear) {
  const sign = linear < 0 ? 0x80 : 0;
  const magnitude = Math.min(Math.abs(linear), CLIP) + BIAS;
  const exponent = Math.floor(Math.log2(magnitude)) - 7;
  const mantissa = (magnitude >> (exponent + 3)) & 0x0f;
  return ~(sign | (exponent << 4) | mantissa) & 0xff;
}

export function decodeUlaw(byte) {
  const inverted = ~byte & 0xff;
  const magnitude = (((inverted & 0x0f) << 3) + BIAS) << ((inverted >> 4) & 7);
  return (inverted & 0x80 ? BIAS - magnitude : magnitude - BIAS) / 32768;
}

export function decodeAlaw(byte) {
  const inverted = byte ^ 0x55;
  const exponent = (inverted >> 4) & 7;
  const mantissa = ((inverted & 0x0f) << 4) + 8;
  const magnitude = exponent === 0 ? mantissa : (mantissa + 0x100) << (exponent - 1);
  return (inverted & 0x80 ? magnitude : -magnitude) / 32768;
}

const LOWEST_HZ = 100; // below it only hum and offset live
const NEIGHBOURS = 4; // bins each side that a Hann window spreads a pure tone over, with one to spare

/** The strongest frequency, its share of all the energy, and the level in dB of full scale. */
export function peak(samples, rate) {
  const size = 2 ** Math.floor(Math.log2(samples.length));
  const real = new Float64Array(size);
  for (let n = 0; n < size; n++) real[n] = samples[n] * (0.5 - 0.5 * Math.cos((2 * Math.PI * n) / size));
  const power = powerSpectrum(real);
  const lowest = Math.ceil((LOWEST_HZ * size) / rate);
  let strongest = lowest;
  let total = 0;
  for (let bin = lowest; bin < power.length; bin++) {
    total += power[bin];
    if (power[bin] > power[strongest]) strongest = bin;
  }
  let near = 0;
  for (let bin = Math.max(lowest, strongest - NEIGHBOURS); bin <= strongest + NEIGHBOURS && bin < power.length; bin++) near += power[bin];
  const square = samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length;
  return { hz: (strongest * rate) / size, share: total > 0 ? near / total : 0, level: 10 * Math.log10(square + 1e-12) };
}

/** Whether a measurement (nothing yet is none) is that tone and hardly anything else. */
export function isTone(heard, hz) {
  return heard !== undefined && Math.abs(heard.hz - hz) <= 10 && heard.share > 0.6 && heard.level > -45;
}

// Radix 2, in place; the lengths here are at most 32768, once a measurement.
function powerSpectrum(real) {
  const size = real.length;
  const imaginary = new Float64Array(size);
  for (let n = 1, reversed = 0; n < size; n++) {
    let bit = size >> 1;
    for (; reversed & bit; bit >>= 1) reversed ^= bit;
    reversed ^= bit;
    if (n < reversed) [real[n], real[reversed]] = [real[reversed], real[n]];
  }
  for (let span = 2; span <= size; span *= 2) {
    const half = span / 2;
    for (let start = 0; start < size; start += span) {
      for (let k = 0; k < half; k++) {
        const angle = (-2 * Math.PI * k) / span;
        const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
        const [low, high] = [start + k, start + k + half];
        const re = real[high] * cos - imaginary[high] * sin;
        const im = real[high] * sin + imaginary[high] * cos;
        [real[high], imaginary[high]] = [real[low] - re, imaginary[low] - im];
        [real[low], imaginary[low]] = [real[low] + re, imaginary[low] + im];
      }
    }
  }
  return Float64Array.from({ length: size / 2 }, (_, bin) => real[bin] ** 2 + imaginary[bin] ** 2);
}
