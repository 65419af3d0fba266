// Published recordings as whoever uses them finds them: by their manifests.
import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { run } from '../process.mjs';
import { until } from '../stage.mjs';
import { binary } from './gateway.mjs';

/** The gateway's section: all calls are recorded into `directory`. */
export const section = (directory, more = '') => `
[recording]
mode = "always"
dir = "${directory}"
${more}
`;

/** All that are finished, each with its directory and its manifest. */
export async function recordings(directory) {
  const entries = await readdir(directory, { recursive: true }).catch(() => []);
  // What is still in the spool will be published in a moment.
  const published = entries.filter((entry) => path.basename(entry) === 'manifest.json' && !entry.startsWith(`spool${path.sep}`));
  const found = published.map(async (entry) => {
    const place = path.dirname(path.join(directory, entry));
    return { place, manifest: JSON.parse(await readFile(path.join(place, 'manifest.json'), 'utf8')) };
  });
  // One that is being moved is found at its new place the next time.
  return (await Promise.all(found.map((one) => one.catch(() => undefined)))).filter(Boolean);
}

/** Waits until the recording of that call is published: in the spool it may go at any moment. */
export function recordingOf(directory, call, { within = 30_000 } = {}) {
  const published = ({ place, manifest }) => manifest.call === call && !place.includes('/spool/');
  return until(`a recording of ${call}`, async () => (await recordings(directory)).find(published), { within });
}

/** What `warmline recording verify` says: its exit code and its words. */
export async function verify(place) {
  const { code, stdout, stderr } = await run('recording verify', binary('warmline'), ['recording', 'verify', place]);
  return { code, said: stdout + stderr };
}

export async function assertWhole(place) {
  const { code, said } = await verify(place);
  assert.equal(code, 0, said);
}

/** What ffprobe reads of a file, and how long sox says that it is. */
export async function probed(file) {
  const probe = await run('ffprobe', 'ffprobe', ['-v', 'error', '-show_streams', '-show_format', '-of', 'json', file]);
  assert.equal(probe.code, 0, probe.stderr);
  const { streams: [stream], format } = JSON.parse(probe.stdout);
  return { codec: stream.codec_name, rate: Number(stream.sample_rate), channels: stream.channels, seconds: Number(format.duration) };
}

/** Seconds by sox; undefined where this sox can't read the format. */
export async function soxSeconds(file) {
  const { code, stdout } = await run('soxi', 'soxi', ['-D', file]);
  return code === 0 ? Number(stdout) : undefined;
}

/** Both channels' samples at 8 kHz, as ffmpeg decodes them. */
export async function channels(file) {
  const raw = `${file}.raw`;
  const { code, stderr } = await run('ffmpeg', 'ffmpeg', ['-v', 'error', '-y', '-i', file, '-f', 's16le', '-ar', '8000', raw]);
  assert.equal(code, 0, stderr);
  const octets = await readFile(raw);
  const frames = octets.length >> 2;
  const channel = (n) => Float64Array.from({ length: frames }, (_, at) => octets.readInt16LE(4 * at + 2 * n) / 32768);
  return [channel(0), channel(1)];
}

/** By how many samples `later` is behind `earlier` where they are most alike, and how alike that is. */
export function lag(earlier, later, { most = 2000 } = {}) {
  const size = Math.min(earlier.length, later.length) - most;
  let best = { samples: 0, likeness: 0 };
  for (let shift = -most; shift <= most; shift++) {
    let [product, one, other] = [0, 0, 0];
    for (let n = Math.max(0, -shift); n < size; n += 3) {
      const [a, b] = [earlier[n], later[n + shift]];
      product += a * b;
      one += a * a;
      other += b * b;
    }
    const likeness = product / Math.sqrt(one * other + 1e-12);
    if (likeness > best.likeness) best = { samples: shift, likeness };
  }
  return best;
}
