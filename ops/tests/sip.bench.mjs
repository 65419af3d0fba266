// ops/bench sip: what signalling costs at 2,000 calls a second, next to a program that only echoes, and whether memory grows.
import assert from 'node:assert/strict';
import { loadavg } from 'node:os';
import { Callee, place, slope } from './load.mjs';
import { staged, until } from './stage.mjs';

const RATE = Number(process.env.BENCH_RATE ?? 2000);
const SECONDS = Number(process.env.BENCH_SECONDS ?? 60);
const FORGOTTEN_MS = 36_000;
// Transactions are remembered for 32 s: before, memory must grow.
const WARM_UP_S = 36;
const SOAK_CALLS = 20_000;

const microseconds = (load) => Math.round((load.cpu / load.successful) * 1e6);
const tell = (what, load) => console.log(
  `${what}: ${load.successful} calls in ${load.seconds.toFixed(1)} s (${Math.round(load.successful / load.seconds)}/s), ${load.failed} failed, ` +
  `${load.retransmissions} retransmissions, ${microseconds(load)} µs of processor a call; load of the machine ${loadavg()[0].toFixed(1)}`);

for (const program of ['echo', 'callee']) {
  staged(`${program}: ${RATE} calls a second for ${SECONDS} s`, async (stage) => {
    const callee = await Callee.start(stage, program, 'release');
    const load = await place(stage, callee, { rate: RATE, count: RATE * SECONDS, sample: () => callee.memory() });
    tell(program, load);
    // A datagram of the echo's that is lost is lost: it remembers nothing that it could repeat.
    if (program === 'echo') return;
    assert.deepEqual([load.code, load.failed], [0, 0]);
    const before = callee.counts();
    console.log(`most memory ${Math.max(...load.samples)} kB; ${before.server_transactions} transactions remembered at the end`);
    await until('everything is forgotten', () => isIdle(callee.counts(), load.successful), { within: FORGOTTEN_MS });
  });
}

staged(`${SOAK_CALLS} calls after a warm-up: memory stays`, async (stage) => {
  const callee = await Callee.start(stage, 'callee', 'release');
  const rate = RATE / 4;
  const start = Date.now();
  const load = await place(stage, callee, {
    rate, count: SOAK_CALLS + rate * WARM_UP_S,
    sample: async () => [((Date.now() - start) / 1000) * rate, await callee.memory()],
  });
  tell('soak', load);
  assert.deepEqual([load.code, load.failed], [0, 0]);
  const warm = load.samples.filter(([calls]) => calls > rate * WARM_UP_S);
  const grown = slope(warm);
  console.log(`memory from ${warm[0][1]} to ${warm.at(-1)[1]} kB, ${grown.toFixed(4)} kB a call; ${callee.counts().server_transactions} transactions remembered`);
  await until('everything is forgotten', () => isIdle(callee.counts(), load.successful), { within: FORGOTTEN_MS });
  assert.ok(grown <= 0.1, `${grown} kB more a call`);
});

const isIdle = (counts, calls) => counts.calls === calls && counts.lost === 0 && counts.dialogs === 0 && counts.server_transactions === 0;
