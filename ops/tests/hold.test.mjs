// Hold and resume, a second call meanwhile, and an agent who goes away in the midst of a talk: music, never silence.
import assert from 'node:assert/strict';
import { customerCalls, talk } from './peers/carrier.mjs';
import { AGENT_HZ, CUSTOMER_HZ } from './peers/floor.mjs';
import { hearsPrompt, longestGap, neverSilent } from './prompts.mjs';
import { isTone } from './audio.mjs';
import { hears, staged, until } from './stage.mjs';

const begin = (stage, { grace = '30s' } = {}) => talk(stage, { hz: AGENT_HZ, more: `[limits]\ngrace = "${grace}"\ncalls_per_agent = 2\n` });

staged('on hold the customer hears music and not the agent, the agent nothing; resumed, both talk on', async (stage) => {
  const { gateway, desk, customer } = await begin(stage);
  await hears('the agent', CUSTOMER_HZ, () => desk.heard());
  await desk.click('hold');
  await desk.card('held');
  await hearsPrompt('the customer', 'hold', customer);
  // What was heard last may have the end of the agent's words in it.
  await until('the customer hears nothing of the agent', () => !isTone(customer.heard(), AGENT_HZ));
  await until('the agent hears nothing', async () => !isTone(await desk.heard(), CUSTOMER_HZ));
  await desk.click('hold');
  await desk.card('connected');
  await hears('the customer', AGENT_HZ, () => customer.heard());
  await hears('the agent', CUSTOMER_HZ, () => desk.heard());
  await desk.click('hold');
  await desk.card('held');
  await desk.click('end');
  await desk.card('wrap-up');
  await customer.done();
  await neverSilent(gateway);
});

staged('a second call is answered: the first waits with music, and is taken up again', async (stage) => {
  const { gateway, desk, customer: first, port } = await begin(stage);
  const second = await customerCalls(stage, port, 1300);
  await desk.part('answer').click();
  await desk.part('card', '[data-state="held"]').waitFor();
  await hearsPrompt('the first', 'hold', first);
  await hears('the agent', 1300, () => desk.heard());
  await hears('the second', AGENT_HZ, () => second.heard());
  await second.hangUp();
  await second.done();
  await desk.part('card', '[data-state="held"]').getByTestId('hold').click();
  await hears('the first', AGENT_HZ, () => first.heard());
  await hears('the agent', CUSTOMER_HZ, () => desk.heard());
  await neverSilent(gateway);
});

staged('the page is reloaded in a talk: music or the agent all the while, and no BYE', async (stage) => {
  const { gateway, desk, customer } = await begin(stage);
  const began = Date.now();
  await desk.reload();
  await desk.part('ready-light', '[data-ready="true"]').waitFor();
  await hears('the customer', AGENT_HZ, () => customer.heard());
  const gap = longestGap(customer, began - 500);
  console.log(`the longest time without a packet: ${gap.toFixed(1)} ms`);
  assert.ok(gap < 250, `${gap} ms`);
  const id = await desk.card('connected');
  const { story } = await gateway.api(desk.token, `/v1/calls/${id}/explain`);
  assert.ok(story.some(({ what }) => what.includes('browser is back')), JSON.stringify(story));
  await desk.card('connected');
  await customer.hangUp();
  await customer.done();
  await neverSilent(gateway);
});

staged('the agent\'s browser is gone for good: music at once, then the reason, then the BYE', async (stage) => {
  const { gateway, desk, customer } = await begin(stage, { grace: '3s' });
  await desk.close();
  await hearsPrompt('the customer', 'hold', customer, { within: 3000 });
  await hearsPrompt('the customer', 'agent-lost', customer);
  await customer.done();
  const { calls } = await gateway.api(desk.token, '/v1/calls');
  assert.equal(calls[0].ended.reason, 'agent-lost');
  await neverSilent(gateway);
});

staged('no packet of the agent comes any more: music within seconds, and the agent again with the next', async (stage) => {
  const { gateway, desk, customer } = await begin(stage);
  const before = await gateway.deadAir();
  await desk.falls();
  await hearsPrompt('the customer', 'hold', customer);
  const silent = (await gateway.deadAir()).seconds - before.seconds;
  console.log(`# the customer heard nothing for ${silent.toFixed(2)} s`);
  assert.ok(silent > 0 && silent < 3, `nothing was heard for ${silent} s`);
  await desk.talks();
  await hears('the customer', AGENT_HZ, () => customer.heard());
  await hears('the agent', CUSTOMER_HZ, () => desk.heard());
  await customer.hangUp();
  await customer.done();
  await desk.card('wrap-up');
  console.log(`dead air: ${JSON.stringify(await gateway.deadAir())}`);
});
