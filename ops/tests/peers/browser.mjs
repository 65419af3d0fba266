// Chromium with a WAV as its microphone, and an ear for whatever stream a page plays.
import { chromium } from 'playwright-core';
import { peak, tone, wav, BROWSER_RATE } from '../audio.mjs';

const EXECUTABLE = process.env.CHROMIUM ?? '/usr/bin/chromium';
const FLAGS = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync',
  '--use-fake-ui-for-media-stream', '--use-fake-device-for-media-stream', '--autoplay-policy=no-user-gesture-required', '--disable-features=WebRtcHideLocalIpsWithMdns',
];
// The browser's noise suppression takes an endless tone for a fan; one with pauses passes for speech.
const SPOKEN = { tone: 1.6, period: 2 };
const VOICE_SECONDS = 2;
const EAR = 16_384; // samples a measurement: a third of a second, bins of 3 Hz

/** A browser whose microphone says `hz`. `spoken`: seconds of tone and of each period, the rest of which is a pause.
 *  `network`: where it runs; `trusts`: an origin that is to be like one with TLS. */
export async function launch(stage, hz, spoken = SPOKEN, { network, trusts } = {}) {
  const isSpoken = (n) => (n / BROWSER_RATE) % spoken.period < spoken.tone;
  const voice = tone(hz, { rate: BROWSER_RATE, seconds: VOICE_SECONDS }).map((sample, n) => (isSpoken(n) ? sample : 0));
  const microphone = await stage.write(`microphone-${hz}.wav`, wav(voice, BROWSER_RATE));
  const executablePath = network ? await network.program(stage, EXECUTABLE) : EXECUTABLE;
  // A page from an address has no microphone without TLS, unless it is told to.
  const more = trusts ? [`--unsafely-treat-insecure-origin-as-secure=${trusts}`] : [];
  const browser = await chromium.launch({ executablePath, args: [...FLAGS, ...more, `--use-file-for-fake-audio-capture=${microphone}`] });
  stage.leaves(() => browser.close());
  return browser;
}

/** What the stream that `expression` names in the page sounds like right now. */
export async function heardIn(page, expression) {
  const ear = await page.evaluate(`(${listen})(${expression}, ${EAR})`);
  return ear && peak(ear.samples, ear.rate);
}

// Runs in the page.
async function listen(stream, size) {
  if (!stream) return undefined;
  if (globalThis.stageEar?.stream !== stream) {
    await globalThis.stageEar?.context.close();
    const context = new AudioContext();
    const analyser = new AnalyserNode(context, { fftSize: size });
    context.createMediaStreamSource(stream).connect(analyser);
    globalThis.stageEar = { stream, context, analyser };
  }
  const { context, analyser } = globalThis.stageEar;
  const samples = new Float32Array(size);
  analyser.getFloatTimeDomainData(samples);
  return { samples: Array.from(samples), rate: context.sampleRate };
}
