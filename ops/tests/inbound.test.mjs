// Calls in by a route: greeted or rung, to one agent or a group, and never cut off without a word.
import assert from 'node:assert/strict';
import { Desk } from './peers/desk.mjs';
import { Gateway } from './peers/gateway.mjs';
import { Sipp } from './peers/sipp.mjs';
import { firstTone, hearsPrompt, neverSilent } from './prompts.mjs';
import { hears, staged, until } from './stage.mjs';

const CALLED = '+919000000001';
const AGENT_HZ = 1700;
const CUSTOMER_HZ = 1000;
const FIRST_TONE_MS = 100;
// Short pauses only, so that the first tone tells when the agent is heard.
const BRISK = { tone: 0.21, period: 0.25 };

const sections = (port, route) => `
[limits]
grace = "2s"

[[trunk]]
name = "carrier"
listen = "udp:127.0.0.1:${port}"
allow = ["127.0.0.0/8"]

[[agent]]
id = "agent7"
name = "Asha"

[[agent]]
id = "agent8"
name = "Meera"

[[route]]
trunk = "carrier"
called = "${CALLED}"
${route}
`;

async function begin(stage, route, agents = ['agent7']) {
  const port = await stage.ports.take(1);
  const gateway = await Gateway.start(stage, sections(port, route));
  const desks = [];
  for (const agent of agents) desks.push(await Desk.open(stage, gateway, { agent, hz: AGENT_HZ, spoken: BRISK }));
  const call = (hz) => Sipp.calls(stage, { target: `127.0.0.1:${port}`, called: CALLED, hz });
  return { gateway, desks, call, customer: await call(CUSTOMER_HZ) };
}

const over = (gateway, desk) => until('the call is over', async () => (await gateway.api(desk.token, '/v1/calls')).calls.find((call) => call.ended)?.ended);

staged('a greeted caller hears greeting and music, and the agent within 100 ms of the answer', async (stage) => {
  const { gateway, desks: [desk], customer } = await begin(stage, 'agent = "agent7"\ngreeting = true');
  await hearsPrompt('the caller', 'greeting', customer);
  const id = await desk.card('ringing-in');
  await hearsPrompt('the caller', 'hold', customer);
  await desk.click('answer');
  await desk.card('connected');
  const { answered_at } = await gateway.api(desk.token, `/v1/calls/${id}`);
  const tone = await until('the caller hears the agent', () => firstTone(customer, AGENT_HZ, answered_at));
  console.log(`the agent's first tone: ${(tone - answered_at).toFixed(1)} ms after the answer`);
  assert.ok(tone - answered_at <= FIRST_TONE_MS, `${tone - answered_at} ms`);
  await hears('the agent', CUSTOMER_HZ, () => desk.heard());
  await customer.hangUp();
  await desk.card('wrap-up');
  await customer.done();
  await neverSilent(gateway);
});

staged('a greeted caller whom nobody answers is told so to the end, then let go', async (stage) => {
  const { gateway, desks: [desk], customer } = await begin(stage, 'agent = "agent7"\ngreeting = true\nring_timeout = "5s"');
  await hearsPrompt('the caller', 'greeting', customer);
  await desk.card('closed');
  assert.match(await desk.endedDetail(), /Nobody answered at the desk within 5 s/);
  await hearsPrompt('the caller', 'fallback', customer);
  await customer.done();
  assert.equal((await over(gateway, desk)).reason, 'missed');
  await neverSilent(gateway);
});

staged('a caller who only heard it ring is answered to be told that nobody is there', async (stage) => {
  const { gateway, desks: [desk], customer } = await begin(stage, 'agent = "agent7"\nring_timeout = "2s"');
  await desk.card('ringing-in');
  await hearsPrompt('the caller', 'fallback', customer);
  await customer.done();
  assert.match(await customer.ladder(), /SIP\/2\.0 180/);
  assert.equal((await over(gateway, desk)).reason, 'missed');
  await neverSilent(gateway);
});

staged('the browser of the only agent is closed while it rings: told after the grace, with the right reason', async (stage) => {
  const { gateway, desks: [desk], customer } = await begin(stage, 'agent = "agent7"');
  await desk.card('ringing-in');
  await desk.close();
  await hearsPrompt('the caller', 'fallback', customer);
  await customer.done();
  const ended = await over(gateway, desk);
  assert.equal(ended.reason, 'agent-lost');
  assert.match(ended.detail, /browser was closed while the call rang/);
});

staged('a group rings at all; the first answer wins, and the other desk says whose', async (stage) => {
  const { desks: [asha, meera], customer } = await begin(stage, 'agents = ["agent7", "agent8"]\ngreeting = true', ['agent7', 'agent8']);
  await Promise.all([asha.card('ringing-in'), meera.card('ringing-in')]);
  await meera.click('answer');
  await meera.card('connected');
  await asha.card('closed');
  assert.equal(await asha.endedDetail(), 'Answered by Meera.');
  await hears('Meera', CUSTOMER_HZ, () => meera.heard());
  await until('the caller hears Meera', () => firstTone(customer, AGENT_HZ, 0));
  await customer.hangUp();
  await customer.done();
  await meera.card('wrap-up');
});

staged('a greeted caller waits with music while the agent has a call, and is next', async (stage) => {
  const { gateway, desks: [desk], customer: first, call } = await begin(stage, 'agent = "agent7"\ngreeting = true');
  await desk.card('ringing-in');
  await desk.click('answer');
  await desk.card('connected');
  const second = await call(1300);
  await hearsPrompt('the second', 'greeting', second);
  await hearsPrompt('the second', 'hold', second);
  await first.hangUp();
  await first.done();
  await desk.card('wrap-up');
  await desk.click('done');
  await desk.card('ringing-in');
  await desk.click('answer');
  await hears('the agent', 1300, () => desk.heard());
  await until('the second hears the agent', () => firstTone(second, AGENT_HZ, 0));
  await second.hangUp();
  await second.done();
  await neverSilent(gateway);
});
