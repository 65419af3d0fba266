// Finished recordings as the recorder leaves them in the spool, for the tests of what comes after.
import { createHash, randomUUID } from 'node:crypto';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';

/** A second of two channels that tell recordings apart: 16-bit PCM at 8 kHz. */
export function wav(seed, frames = 8000) {
  const data = Buffer.alloc(frames * 4);
  for (let n = 0; n < frames; n++) {
    data.writeInt16LE(Math.round(8000 * Math.sin((n * (seed + 3)) / 20)), 4 * n);
    data.writeInt16LE(Math.round(8000 * Math.sin((n * (seed + 5)) / 9)), 4 * n + 2);
  }
  const head = Buffer.alloc(44);
  head.write('RIFF', 0);
  head.writeUInt32LE(36 + data.length, 4);
  head.write('WAVEfmt ', 8);
  head.writeUInt32LE(16, 16);
  head.writeUInt16LE(1, 20);
  head.writeUInt16LE(2, 22);
  head.writeUInt32LE(8000, 24);
  head.writeUInt32LE(32_000, 28);
  head.writeUInt16LE(4, 32);
  head.writeUInt16LE(16, 34);
  head.write('data', 36);
  head.writeUInt32LE(data.length, 40);
  return Buffer.concat([head, data]);
}

export const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

/** Puts one into the spool below `directory`; its manifest comes last. */
export async function finished(directory, { audio, file = 'audio.wav', codec = 'pcm_s16le', agent = 'agent7', call = `c_${randomUUID()}`, id = `r_${randomUUID()}` }) {
  const place = path.join(directory, 'spool', id);
  await mkdir(place, { recursive: true });
  await writeFile(path.join(place, file), audio);
  const channel = (index, role) => ({ index, role, codec_in: 'PCMA', packets: 50, lost: 0, dropped: 0 });
  const manifest = {
    schema: 1, id, call, status: 'completed', started_at: '2026-11-20T10:00:00.120Z', duration_ms: 1000,
    direction: 'outbound', agent, from: '+919000000050', to: '+919000000001', sip_call_id: null, ucid: null, context: null,
    audio: { file, codec, sample_rate: 8000, bytes: audio.length, sha256: sha256(audio), channels: [channel(0, 'customer'), channel(1, 'agent')] },
    gaps: [], skew_ppm: [0, 0], truncated: false, encryption: null, blocks: [], chain: '',
  };
  await writeFile(path.join(place, 'manifest.part'), JSON.stringify(manifest));
  await rename(path.join(place, 'manifest.part'), path.join(place, 'manifest.json'));
  return { id, call, place, audio, manifest };
}
