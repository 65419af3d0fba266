// Fifty recordings for minutes, on hold, muted, paused, ended and begun by chance, in a process that is killed again and again: each is whole in the end, or told as failed.
import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { run } from './process.mjs';
import { binary } from './peers/gateway.mjs';
import { staged } from './stage.mjs';

const PROGRAM = path.join(process.env.CARGO_TARGET_DIR ?? path.join(import.meta.dirname, '..', '..', 'target'), 'debug', 'examples', 'recording');
const SECONDS = Number(process.env.WARMLINE_STORM_SECONDS ?? 20);
const SEED = Number(process.env.WARMLINE_STORM_SEED ?? 7);
const CALLS = 50;
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

staged('whatever happens to calls and however often the process is killed, every recording is whole or told as failed', async (stage, context) => {
  const begun = new Map(); // by id: when it was read that it began
  const failed = new Set();
  const started = Date.now();
  const left = () => SECONDS * 1000 - (Date.now() - started);
  const killed = [];
  for (let life = 0; ; life++) {
    const last = left() < 8000;
    const seconds = last ? Math.max(3, Math.ceil(left() / 1000)) : 3600;
    const program = stage.process('recording', PROGRAM, ['--directory', stage.directory, '--calls', String(CALLS), '--seconds', String(seconds), '--format', 'wav-g711', '--restless', String(SEED + life)]);
    const read = () => {
      for (const line of program.lines) {
        const { event, recording } = JSON.parse(line);
        if (event === 'begun' && !begun.has(recording)) begun.set(recording, Date.now());
        if (event === 'failed') failed.add(recording);
      }
    };
    if (last) {
      assert.equal((await program.exit()).code, 0);
      read();
      break;
    }
    const until = Date.now() + 3000 + ((SEED + 7919 * life) % 9000);
    while (Date.now() < until) {
      await pause(100);
      read();
    }
    program.child.kill('SIGKILL');
    killed.push(Date.now());
    await program.exit();
    read();
  }
  const spool = path.join(stage.directory, 'spool');
  const whole = new Set((await readdir(spool)).filter((name) => name.startsWith('r_')));
  const unreadable = new Set(await readdir(path.join(stage.directory, 'unreadable')).catch(() => []));
  // One that was killed within the second in which it began may have left nothing.
  const young = (id) => killed.some((at) => begun.get(id) <= at + 1000 && at - begun.get(id) < 1000);
  const lost = [...begun.keys()].filter((id) => !whole.has(id) && !failed.has(id) && !unreadable.has(id));
  context.diagnostic(`${begun.size} recordings, ${killed.length} kills: ${whole.size} whole, ${failed.size} failed, ${unreadable.size} unreadable, ${lost.length} killed within the second in which they began`);
  assert.deepEqual(lost.filter((id) => !young(id)), []);
  assert.ok(begun.size >= CALLS * (killed.length + 1));
  const places = [...whole].map((name) => path.join(spool, name));
  let truncated = 0;
  for (let at = 0; at < places.length; at += 100) {
    const { code, stderr } = await run('recording verify', binary('warmline'), ['recording', 'verify', ...places.slice(at, at + 100)]);
    assert.equal(code, 0, stderr);
  }
  for (const place of places) {
    const manifest = JSON.parse(await readFile(path.join(place, 'manifest.json'), 'utf8'));
    assert.ok(manifest.duration_ms > 0, place);
    truncated += manifest.truncated;
    for (const { from_ms: from, to_ms: to } of manifest.gaps) assert.ok(from < to && to <= manifest.duration_ms, `${place}: ${from} to ${to} of ${manifest.duration_ms}`);
  }
  assert.ok(truncated > 0, 'some were cut off');
  context.diagnostic(`${truncated} truncated`);
}, { within: SECONDS * 1000 + 160_000 });
