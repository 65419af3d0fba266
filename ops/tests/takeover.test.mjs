// Who has the desk: the newest page. A crashed tab, a second tab, a socket that is cut: the call stays, and nobody is left behind.
import assert from 'node:assert/strict';
import { Cable } from './peers/cable.mjs';
import { talk as begin } from './peers/carrier.mjs';
import { Desk } from './peers/desk.mjs';
import { CUSTOMER_HZ } from './peers/floor.mjs';
import { hearsPrompt, longestGap, neverSilent, toneAgain } from './prompts.mjs';
import { hears, staged, until } from './stage.mjs';

const AGENT_HZ = 1700;
const BRISK = { tone: 0.21, period: 0.25 };
const PACKETS_IN_6_S = 300 - 50; // of 20 ms each, less what the capture still holds back

/** A talk at the desk; `by` is where the page finds the gateway. */
const talk = (stage, { grace = '30s', by } = {}) => begin(stage, { hz: AGENT_HZ, by, more: `[limits]\ngrace = "${grace}"\n`, open: { spoken: BRISK } });

/** A renderer that dies says no goodbye; the promise of the navigation dies with it. */
const crash = (desk) => desk.page.goto('chrome://crash').catch(() => undefined);

staged('a second tab takes the talk over, the first says so and may take it back', async (stage) => {
  const { gateway, address, desk: first, customer, call } = await talk(stage);
  await first.page.evaluate(() => globalThis.warmline.agent.on('vacant', () => (globalThis.stageVacant = true)));
  const second = await first.another(stage, address);
  await first.part('banner', '[data-kind="replaced"]').waitFor();
  assert.deepEqual(await first.page.evaluate('warmline.agent.connection'), { is: 'ended', because: 'replaced' });
  assert.equal(await second.card('connected'), call);
  await hears('the customer', AGENT_HZ, () => customer.heard());
  await hears('the agent', CUSTOMER_HZ, () => second.heard());
  assert.deepEqual(await customer.messagesLike('received', /^BYE /m), []);
  await gateway.settledLegs(2);
  assert.notEqual(await first.page.evaluate('globalThis.stageVacant'), true);

  await second.page.close();
  await until('the first tab hears that the place is free', () => first.page.evaluate('globalThis.stageVacant'));
  await first.page.evaluate(() => globalThis.warmline.agent.signIn());
  assert.equal(await first.card('connected'), call);
  await hears('the customer', AGENT_HZ, () => customer.heard());
  await hears('the agent', CUSTOMER_HZ, () => first.heard());
  await gateway.settledLegs(2);
  await customer.hangUp();
  await customer.done();
  await neverSilent(gateway);
});

staged('the desk is opened in another browser: the talk goes there, and the first says where it went', async (stage) => {
  const { gateway, address, desk: first, customer, call } = await talk(stage);
  const second = await Desk.at(stage, address, { hz: 2300, spoken: BRISK });
  await first.part('banner').getByText('in another browser').waitFor();
  assert.deepEqual(await first.page.evaluate('warmline.agent.connection'), { is: 'ended', because: 'taken-over' });
  assert.equal(await second.card('connected'), call);
  await hears('the customer', 2300, () => customer.heard());
  await hears('the agent', CUSTOMER_HZ, () => second.heard());
  await gateway.settledLegs(2);

  await second.page.evaluate(() => globalThis.warmline.agent.calls[0].hangup('wrong number'));
  await customer.done();
  const { story } = await gateway.api(second.token, `/v1/calls/${call}/explain`);
  assert.ok(story.some(({ what }) => /words: wrong number/.test(what)), JSON.stringify(story));
});

staged('a tab crashes in a talk and is opened again: music, then the agent, in the same call', async (stage) => {
  const { gateway, address, desk, customer, call } = await talk(stage);
  const context = desk.page.context();
  await crash(desk);
  await hearsPrompt('the customer', 'hold', customer, { within: 5_000 });
  const again = await desk.another(stage, address);
  assert.equal(await again.card('connected'), call);
  await hears('the customer', AGENT_HZ, () => customer.heard());
  await hears('the agent', CUSTOMER_HZ, () => again.heard());
  assert.deepEqual(await customer.messagesLike('received', /^BYE /m), []);
  await gateway.settledLegs(2);
  await customer.hangUp();
  await customer.done();
  await context.close();
  await neverSilent(gateway);
});

staged('a tab crashes and stays away: a last word, the BYE, and no ghost', async (stage) => {
  const { gateway, desk, customer, call } = await talk(stage, { grace: '3s' });
  await crash(desk);
  await hearsPrompt('the customer', 'hold', customer, { within: 5_000 });
  await hearsPrompt('the customer', 'agent-lost', customer, { within: 15_000 });
  await customer.done();
  const { ended } = await gateway.api(desk.token, `/v1/calls/${call}`);
  assert.equal(ended.reason, 'agent-lost');
  await gateway.settled({ legs: 0 });
  const { agents } = await gateway.api(desk.token, '/v1/agents');
  assert.match(agents[0].not_ready_because, /not signed in/);
});

staged('the socket is cut for half a minute, longer than the grace: not a word of the talk is lost', async (stage) => {
  let cable;
  const by = async (gateway) => `http://127.0.0.1:${(cable = await Cable.lay(stage, gateway.port)).port}`;
  const { gateway, desk, customer, call } = await talk(stage, { by, grace: '10s' });
  await cable.unplug();
  const began = Date.now();
  await desk.part('banner', '[data-kind="reconnecting"]').waitFor();
  // The capture keeps the last ten seconds of packets.
  for (let n = 0; n < 5; n++) {
    const since = Date.now();
    await new Promise((resolve) => setTimeout(resolve, 6_000));
    assert.equal(toneAgain(customer, AGENT_HZ, since), undefined, 'the customer hears the agent and nothing else');
    // A machine that is busy with other things delivers late, and nothing less.
    const packets = customer.capture.arrivals.filter(({ at }) => at >= since).length;
    assert.ok(packets > 0.95 * PACKETS_IN_6_S, `${packets} packets, the longest gap ${longestGap(customer, since)} ms`);
    await hears('the agent', CUSTOMER_HZ, () => desk.heard());
  }
  console.log(`the socket was cut for ${Date.now() - began} ms`);
  await cable.mend();
  await until('the page is back', async () => (await desk.page.evaluate('warmline.agent.connection')).is === 'open', { within: 20_000 });
  assert.equal(await desk.card('connected'), call);
  await hears('the customer', AGENT_HZ, () => customer.heard());
  const { story } = await gateway.api(desk.token, `/v1/calls/${call}/explain`);
  assert.ok(!story.some(({ what }) => /gone for too long/.test(what)), JSON.stringify(story));
  await customer.hangUp();
  await customer.done();
  await desk.card('wrap-up');
  await neverSilent(gateway);
});

staged('a call that ends while the socket is cut is told as it ended', async (stage) => {
  let cable;
  const by = async (gateway) => `http://127.0.0.1:${(cable = await Cable.lay(stage, gateway.port)).port}`;
  const { gateway, desk, customer, call } = await talk(stage, { by });
  await cable.unplug();
  await desk.part('banner', '[data-kind="reconnecting"]').waitFor();
  await customer.hangUp();
  await customer.done();
  await gateway.api(desk.token, `/v1/calls/${call}/disposition`, { method: 'PUT', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ code: 'done' }) });
  await cable.mend();
  await desk.card('closed', { within: 20_000 });
  assert.match(await desk.endedDetail(), /The customer hung up/);
});
