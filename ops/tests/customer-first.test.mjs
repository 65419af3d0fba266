// The customer is dialled before the agent is asked: greeted, kept with music, joined at once, or told that nobody is there.
import assert from 'node:assert/strict';
import { Desk } from './peers/desk.mjs';
import { Gateway } from './peers/gateway.mjs';
import { Sipp } from './peers/sipp.mjs';
import { firstTone, hearsPrompt, longestGap, neverSilent } from './prompts.mjs';
import { hears, staged, until } from './stage.mjs';

const NUMBER = '+919000000002';
const AGENT_HZ = 1700;
const CUSTOMER_HZ = 1000;
const FIRST_TONE_MS = 100;
// Short pauses only, so that the first tone tells when the agent is heard.
const BRISK = { tone: 0.21, period: 0.25 };

async function begin(stage, more = {}) {
  const port = await stage.ports.take(1);
  const customer = await Sipp.answers(stage, { hz: CUSTOMER_HZ });
  const gateway = await Gateway.start(stage, `
[limits]
grace = "2s"

[[trunk]]
name = "carrier"
listen = "udp:127.0.0.1:${port}"
peer = "sip:${customer.address};transport=udp"

[[agent]]
id = "agent7"
name = "Asha"
dial_via = "carrier"
`);
  const desk = await Desk.open(stage, gateway, { agent: 'agent7', hz: AGENT_HZ, spoken: BRISK });
  await desk.watch();
  const { id, state } = await gateway.place(desk.token, { agent: 'agent7', to: NUMBER, order: 'customer-first', ...more });
  assert.equal(state, 'ringing-out');
  const call = () => gateway.api(desk.token, `/v1/calls/${id}`);
  return { customer, gateway, desk, call };
}

staged('the customer is greeted, hears music, and the agent within 100 ms of the answer', async (stage) => {
  const { customer, gateway, desk, call } = await begin(stage);
  await hearsPrompt('the customer', 'greeting', customer);
  await desk.card('ringing-in');
  await hearsPrompt('the customer', 'hold', customer);
  await desk.click('answer');
  await desk.card('connected');
  const { answered_at } = await call();
  const tone = await until('the customer hears the agent', () => firstTone(customer, AGENT_HZ, answered_at));
  console.log(`the agent's first tone: ${(tone - answered_at).toFixed(1)} ms after the answer`);
  assert.ok(tone - answered_at <= FIRST_TONE_MS, `${tone - answered_at} ms`);
  await hears('the agent', CUSTOMER_HZ, () => desk.heard());
  const gap = longestGap(customer);
  console.log(`the longest time without a packet: ${gap.toFixed(1)} ms`);
  assert.ok(gap < 250, `${gap} ms`);
  await desk.click('end');
  await customer.done();
  await desk.card('wrap-up');
  assert.deepEqual((await desk.seen()).states, ['ringing-out', 'ringing-in', 'connected', 'wrap-up']);
  await neverSilent(gateway);
});

staged('nobody answers: the customer hears so to the end, then the BYE', async (stage) => {
  const { customer, gateway, desk, call } = await begin(stage, { ring_timeout_s: 6 });
  await hearsPrompt('the customer', 'greeting', customer);
  await hearsPrompt('the customer', 'hold', customer);
  await desk.card('closed');
  assert.match(await desk.endedDetail(), /Nobody answered at the desk within 6 s/);
  await hearsPrompt('the customer', 'fallback', customer);
  assert.equal((await call()).ended, undefined, 'the customer still listens');
  await customer.done();
  const { ended } = await call();
  assert.equal(ended.reason, 'missed');
  await until('no call is left', async () => (await gateway.activeCalls()) === 0);
  await neverSilent(gateway);
});

staged('the agent\'s browser is closed while it rings: the customer is told after the grace, with the right reason', async (stage) => {
  const { customer, gateway, desk, call } = await begin(stage);
  await hearsPrompt('the customer', 'greeting', customer);
  await desk.close();
  await hearsPrompt('the customer', 'fallback', customer);
  await customer.done();
  const { ended } = await call();
  assert.equal(ended.reason, 'agent-lost');
  assert.match(ended.detail, /browser was closed while the call rang/);
  await neverSilent(gateway);
});
