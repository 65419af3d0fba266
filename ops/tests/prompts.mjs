// Which prompt a customer hears: what arrived is looked for in the prompts' own files.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { TELEPHONE_RATE } from './audio.mjs';
import { until } from './stage.mjs';

const DIRECTORY = path.join(import.meta.dirname, '..', '..', 'gateway', 'prompts');
const WINDOW = 2000; // samples that are looked for: a quarter of a second
const LIKE_ENOUGH = 0.8; // G.711 and resampling cost a little; other sounds are below 0.5
const AUDIBLE = 1e-4; // mean square: −40 dB

/** The samples of a built-in prompt, at 8 kHz. */
export function prompt(name) {
  const file = readFileSync(path.join(DIRECTORY, `${name}.wav`));
  const rate = file.readUInt32LE(24);
  const data = file.indexOf('data') + 8;
  const samples = Array.from({ length: (file.length - data) >> 1 }, (_, n) => file.readInt16LE(data + 2 * n) / 32768);
  const step = rate / TELEPHONE_RATE;
  return Float64Array.from({ length: Math.floor((samples.length - 1) / step) }, (_, n) => {
    const [left, share] = [Math.floor(n * step), (n * step) % 1];
    return samples[left] * (1 - share) + samples[left + 1] * share;
  });
}

/** How much like a part of the prompt the loudest quarter of the last second is, at most 1; nothing where nothing can be heard. */
export function likeness(heard, whole) {
  const part = loudest(heard);
  if (!part) return 0;
  const own = energy(part, 0);
  let square = energy(whole, 0);
  let best = 0;
  for (let start = 0; start + WINDOW < whole.length; start++) {
    if (square / WINDOW > AUDIBLE / 4) {
      let product = 0;
      for (let n = 0; n < WINDOW; n++) product += part[n] * whole[start + n];
      best = Math.max(best, product / Math.sqrt(own * square));
    }
    square += whole[start + WINDOW] ** 2 - whole[start] ** 2;
  }
  return best;
}

/** Waits until the customer hears a prompt. */
export async function hearsPrompt(who, name, customer, { within = 10_000 } = {}) {
  const whole = prompt(name);
  let last = 0;
  try {
    await until(`${who} hears the prompt ${name}`, async () => (last = likeness(customer.capture.heard(), whole)) > LIKE_ENOUGH, { within });
  } catch (error) {
    throw new Error(`${error.message}; the likeness was ${last.toFixed(2)}`, { cause: error });
  }
}

/** The moment from which the customer hears the tone, epoch milliseconds: the first packet after `since` that is that tone. */
export function firstTone(customer, hz, since) {
  return customer.capture.arrivals.find(({ at, samples }) => at >= since && share(samples, hz) > 0.7)?.at;
}

const PAUSE_PACKETS = 6; // longer than any pause of a tone with pauses

/** When the customer ceased to hear the tone after `since` and heard it again, and what came between; nothing before both have happened. */
export function toneAgain(customer, hz, since) {
  const packets = customer.capture.arrivals.filter(({ at }) => at >= since).map(({ at, samples }) => ({ at, samples, isTone: share(samples, hz) > 0.7 }));
  const left = packets.findIndex((_, n) => n + PAUSE_PACKETS <= packets.length && packets.slice(n, n + PAUSE_PACKETS).every(({ isTone }) => !isTone));
  if (left < 0) return undefined;
  const back = packets.findIndex(({ isTone }, n) => n > left && isTone);
  if (back < 0) return undefined;
  return { left: packets[left].at, back: packets[back].at, between: packets.slice(left, back).flatMap(({ samples }) => samples) };
}

function share(samples, hz) {
  const [real, imaginary] = [0, Math.PI / 2].map((phase) =>
    samples.reduce((sum, sample, n) => sum + sample * Math.cos((2 * Math.PI * hz * n) / TELEPHONE_RATE - phase), 0));
  const square = samples.reduce((sum, sample) => sum + sample * sample, 0);
  return square / samples.length < AUDIBLE ? 0 : (2 * (real ** 2 + imaginary ** 2)) / (samples.length * square);
}

function loudest(heard) {
  let best;
  for (let start = 0; start + WINDOW <= heard.length; start += WINDOW / 4) {
    const square = energy(heard, start);
    if (square / WINDOW > AUDIBLE && !(best?.square > square)) best = { start, square };
  }
  return best && heard.slice(best.start, best.start + WINDOW);
}

function energy(samples, start) {
  let sum = 0;
  for (let n = start; n < start + WINDOW; n++) sum += samples[n] ** 2;
  return sum;
}

/** The longest time that the customer got no packet since it had one, ms. */
export function longestGap(customer, since = 0) {
  const arrivals = customer.capture.arrivals.map(({ at }) => at).filter((at) => at > since);
  return Math.max(...arrivals.slice(1).map((at, n) => at - arrivals[n]));
}

/** Fails when a customer who was up heard neither agent nor prompt for longer than anybody notices. */
export async function neverSilent(gateway) {
  const air = await gateway.deadAir();
  console.log(`dead air: ${JSON.stringify(air)}`);
  assert.equal(air.short, air.times, 'nobody was up without agent and prompt for more than 250 ms');
}
