// A disk that stops taking anything: whoever copies packets to the recorder doesn't feel it, and the recordings say what they lost.
import assert from 'node:assert/strict';
import path from 'node:path';
import { run } from './process.mjs';
import { assertWhole, recordings } from './peers/recordings.mjs';
import { staged, until } from './stage.mjs';

const ROOT = path.join(import.meta.dirname, '..', '..');
const TARGET = process.env.CARGO_TARGET_DIR ?? path.join(ROOT, 'target');
const CALLS = 200;
const SECONDS = 24;
const FROZEN = [6, 16]; // seconds

/** A file system of its own, which can be frozen: writes to it then wait. */
async function disk(stage) {
  const image = await stage.write('disk.img', '');
  const place = path.join(stage.directory, 'disk');
  await stage.write('disk/here', '');
  for (const [command, ...args] of [['truncate', '-s', '400M', image], ['mkfs.ext4', '-q', '-F', image], ['mount', '-o', 'loop', image, place]]) {
    const { code, stderr } = await run(command, command, args);
    assert.equal(code, 0, `${command}: ${stderr}`);
  }
  const freeze = (flag) => run('fsfreeze', 'fsfreeze', [flag, place]);
  stage.leaves(async () => {
    await freeze('-u');
    await run('umount', 'umount', ['-l', place]);
  });
  return { place, freeze };
}

staged('200 recordings on a disk that stalls for ten seconds: copies take no longer, what was lost is told, all are whole', async (stage, context) => {
  const { place, freeze } = await disk(stage);
  const program = stage.process('recording', path.join(TARGET, 'debug', 'examples', 'recording'), ['--directory', place, '--calls', String(CALLS), '--seconds', String(SECONDS)]);
  const seconds = () => program.lines.filter((line) => line.includes('"second"')).map((line) => JSON.parse(line));
  const reached = (second) => until(`second ${second}`, () => seconds().some((each) => each.second >= second), { within: 60_000 });
  await reached(FROZEN[0]);
  assert.equal((await freeze('-f')).code, 0);
  await reached(FROZEN[1]);
  assert.equal((await freeze('-u')).code, 0);
  const ended = JSON.parse(await program.line(/"ended"/, { within: 90_000 }));
  assert.deepEqual([ended.finished, ended.failed], [CALLS, 0]);

  const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];
  const while_ = (from, to) => seconds().filter(({ second }) => second > from && second < to).map((each) => each.p99_ns);
  const [working, stalled] = [median(while_(0, FROZEN[0])), median(while_(FROZEN[0] + 1, FROZEN[1]))];
  context.diagnostic(`a copy's p99: ${working} ns while the disk works, ${stalled} ns while it stalls`);
  assert.ok(stalled < 20 * working + 100_000, `${stalled} ns, and ${working} before`);

  // Nobody publishes here: they end in the spool.
  const all = await recordings(path.join(place, 'spool'));
  assert.equal(all.length, CALLS);
  const lost = all.map(({ manifest }) => manifest.gaps.filter(({ reason, channel }) => reason === 'dropped' && channel === 0).reduce((sum, gap) => sum + gap.to_ms - gap.from_ms, 0));
  context.diagnostic(`lost of ${SECONDS} s each: ${Math.min(...lost)} to ${Math.max(...lost)} ms`);
  assert.ok(Math.min(...lost) > 0, 'each recording tells what it lost');
  // How much a disk takes before and after the stall is the machine's; that each kept something is ours.
  assert.ok(Math.max(...lost) < 1000 * SECONDS, 'and each has kept something');
  for (const { manifest } of all) assert.ok(Math.abs(manifest.duration_ms - SECONDS * 1000) < 2000, `${manifest.duration_ms} ms`);
  for (const { place: one } of all.slice(0, 5)) await assertWhole(one);
});
