// Thousands of calls: none fails, and a minute later nothing of them is left, not even their memory.
import assert from 'node:assert/strict';
import { Callee, place } from './load.mjs';
import { staged, until } from './stage.mjs';

const RATE = 500;
const CALLS = 4000;
// What a transaction is remembered for (64 × T1), and a moment.
const FORGOTTEN_MS = 36_000;

staged('4,000 calls and 4,000 more leave neither a transaction nor memory', async (stage) => {
  const callee = await Callee.start(stage, 'callee', 'debug');
  const memory = [];
  for (const round of [1, 2]) {
    const load = await place(stage, callee, { rate: RATE, count: CALLS });
    assert.deepEqual([load.code, load.successful, load.failed], [0, CALLS, 0]);
    await until('everything is forgotten', () => isIdle(callee.counts(), round * CALLS), { within: FORGOTTEN_MS });
    memory.push(await callee.memory());
    console.log(`${CALLS} calls at ${RATE}/s: ${Math.round((load.cpu / CALLS) * 1e6)} µs a call, ${load.retransmissions} retransmissions, then ${memory.at(-1)} kB`);
  }
  const grown = (memory[1] - memory[0]) / CALLS;
  assert.ok(grown <= 0.1, `${grown} kB more a call`);
});

const isIdle = (counts, calls) => counts.calls === calls && counts.lost === 0 && counts.dialogs === 0 && counts.server_transactions === 0 && counts.client_transactions === 0;
