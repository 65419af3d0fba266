// A thousand agents' token sockets and TLS lines at one provider: how gently they come, what they cost, and that all come back.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { Gateway } from './peers/gateway.mjs';
import { Provider } from './peers/provider.mjs';
import { staged, until } from './stage.mjs';

const AGENTS = 1000;
// 25 at once, then one every 20 ms, whether line or token socket; a debug build's handshakes may only slow it down.
const STARTS_A_SECOND = 50;
const BURST = 25;
// Token socket and line together, the line with TLS; 40 kB were measured with a debug build.
const BYTES_AN_AGENT = 64 * 1024;

const agent = (n) => `
[[agent]]
id = "agent${n}"
extension = "${600_000 + n}"
agent_id = "agent${n}"
agent_unique_id = ${100_000 + n}
campaign = "300401"
`;

const resident = async (process) => {
  const status = await readFile(`/proc/${process.child.pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)[1]) * 1024;
};

async function lines(gateway) {
  const metrics = await (await fetch(`${gateway.operations}/metrics`)).text();
  const up = (kind) => Number(new RegExp(`^warmline_line_up\\{kind="${kind}",via="ozonetel"\\} (\\d+)`, 'm').exec(metrics)?.[1] ?? 0);
  return { sip: up('sip'), token: up('token') };
}

const allUp = (gateway, within) =>
  until('all lines and token sockets are up', async () => {
    const { sip, token } = await lines(gateway);
    return sip === AGENTS && token === AGENTS;
  }, { within });

/** The most connections that began within one second, by the times that the provider noted. */
function busiestSecond(times) {
  const sorted = [...times].sort((a, b) => a - b);
  let most = 0;
  for (let first = 0, last = 0; last < sorted.length; last++) {
    while (sorted[last] - sorted[first] > 1000) first++;
    most = Math.max(most, last - first + 1);
  }
  return most;
}

staged('a thousand agents come up in step, cost little, and come back after a cut and after the provider\'s process died', async (stage, context) => {
  const provider = await Provider.start(stage);
  const few = await Gateway.start(stage, provider.section() + agent(0), { log: 'warn' });
  const before = await resident(few.process);
  await few.process.stop();

  const began = Date.now();
  const agents = Array.from({ length: AGENTS }, (_, n) => agent(n + 1)).join('');
  const gateway = await Gateway.start(stage, provider.section() + agents, { log: 'warn' });
  await allUp(gateway, 120_000);
  const took = (Date.now() - began) / 1000;
  const cost = ((await resident(gateway.process)) - before) / AGENTS;
  const { frames, registrations } = await provider.state();
  assert.equal(registrations.length, AGENTS);
  const logins = frames.filter(({ direction, text }) => direction === 'in' && text.includes('"tbAgentLogin"') && !text.includes('"agent0"'));
  const busiest = busiestSecond(logins.map(({ at_ms }) => at_ms));
  context.diagnostic(`up in ${took.toFixed(1)} s; at most ${busiest} sign-ins within a second; ${(cost / 1024).toFixed(1)} kB an agent`);
  assert.ok(busiest <= STARTS_A_SECOND + BURST, `${busiest} sign-ins within a second`);
  assert.ok(cost <= BYTES_AN_AGENT, `${cost} bytes an agent`);

  await provider.post('/drop-token', {});
  await provider.post('/drop-sip', {});
  await until('the cut is noticed', async () => (await lines(gateway)).token < AGENTS);
  const cut = Date.now();
  await allUp(gateway, 120_000);
  context.diagnostic(`all back ${((Date.now() - cut) / 1000).toFixed(1)} s after a cut`);

  await provider.restart();
  await until('the restart is noticed', async () => (await lines(gateway)).token < AGENTS);
  const died = Date.now();
  await allUp(gateway, 120_000);
  const after = await provider.state();
  assert.equal(after.registrations.length, AGENTS, 'every line is registered at the new process');
  assert.equal(after.agents.filter(({ connected }) => connected).length, AGENTS, 'and so is every agent');
  const back = ((await resident(gateway.process)) - before) / AGENTS;
  context.diagnostic(`all back ${((Date.now() - died) / 1000).toFixed(1)} s after the provider's process was killed; ${(back / 1024).toFixed(1)} kB an agent`);
  assert.ok(back <= BYTES_AN_AGENT, `${back} bytes an agent`);
  await gateway.process.stop();
}, { within: 420_000 });
