// ops/bench recording: what 500 recordings cost, beside the same packets recorded by nobody.
import { mkdtemp, rm } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import path from 'node:path';
import { run } from './process.mjs';

const TARGET = process.env.CARGO_TARGET_DIR ?? path.join(import.meta.dirname, '..', '..', 'target');
const PROGRAM = path.join(TARGET, process.env.BENCH_PROFILE ?? 'release', 'examples', 'recording');
const SECONDS = process.env.BENCH_SECONDS ?? '20';
const CALLS = process.env.BENCH_CALLS ?? '500';

async function measure(...options) {
  const directory = await mkdtemp(path.join(tmpdir(), 'warmline-bench-'));
  try {
    const { stdout, stderr, code } = await run('recording', PROGRAM, ['--directory', directory, '--calls', CALLS, '--seconds', SECONDS, ...options]);
    if (code !== 0) throw new Error(stderr);
    const lines = stdout.trim().split('\n').map((line) => JSON.parse(line));
    const p99 = lines.filter(({ event }) => event === 'second').map((line) => line.p99_ns).sort((a, b) => a - b);
    return { ...lines.at(-1), p99_ns: p99[p99.length >> 1] };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

const without = await measure('--without');
console.log(`${CALLS} calls, ${SECONDS} s; load ${loadavg()[0].toFixed(1)}`);
console.log(`recorded by nobody  ${(100 * without.core).toFixed(1)} % of a core`);
const recipient = ['--recipient', 'age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p'];
for (const [name, ...options] of [['wav'], ['wav-g711', '--format', 'wav-g711'], ['wav, encrypted', ...recipient], ['ogg-opus', '--format', 'ogg-opus']]) {
  const measured = await measure(...options);
  const added = 100 * (measured.core - without.core);
  console.log(`${name.padEnd(18)}  ${(100 * measured.core).toFixed(1)} %, ${added.toFixed(1)} % more; a copy's p99 ${measured.p99_ns} ns; ${measured.finished} finished, ${measured.failed} failed`);
}
