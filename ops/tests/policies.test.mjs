// What is configured for agents: how many calls at a time, how long the notes may take, what else they may be than available.
import assert from 'node:assert/strict';
import { AGENT, answer, carrier, customerCalls } from './peers/carrier.mjs';
import { Desk } from './peers/desk.mjs';
import { AGENT_HZ } from './peers/floor.mjs';
import { Gateway } from './peers/gateway.mjs';
import { hears, staged, until } from './stage.mjs';

staged('an agent\'s own limit of calls and time for notes stand against everybody\'s', async (stage) => {
  const port = await stage.ports.take(1);
  const everybody = '[limits]\ncalls_per_agent = 2\nwrap_up = "10m"\n';
  const gateway = await Gateway.start(stage, everybody + carrier(port, { agent: 'calls = 1\nwrap_up = "2s"' }));
  const desk = await Desk.open(stage, gateway, { agent: AGENT, hz: AGENT_HZ });
  const first = await customerCalls(stage, port);
  const call = await answer(desk);
  await hears('the customer', AGENT_HZ, () => first.heard());

  const second = await customerCalls(stage, port);
  await second.messageLike('received', /^SIP\/2\.0 486 /m);
  await first.hangUp();
  await first.done();
  await desk.card('wrap-up');
  const closed = async () => (await gateway.api(desk.token, `/v1/calls/${call}`)).state === 'closed';
  await until('the notes\' time is over', closed, { within: 30_000 });
  assert.equal(await gateway.activeCalls(), 0);
});

staged('in a status of the operator\'s own no call comes', async (stage) => {
  const port = await stage.ports.take(1);
  const gateway = await Gateway.start(stage, carrier(port) + '[[status]]\nname = "lunch"\nlabel = "Lunch"\n');
  const desk = await Desk.open(stage, gateway, { agent: AGENT, hz: AGENT_HZ });
  await desk.click('status');
  await desk.page.getByRole('menuitemradio', { name: /^Lunch/ }).click();
  await desk.part('ready-light', '[data-ready="false"]').waitFor();
  const { agents } = await gateway.api(desk.token, '/v1/agents');
  assert.equal(agents[0].status.name, 'lunch');
  assert.equal(agents[0].not_ready_because, 'The agent\'s status is lunch.');
  const customer = await customerCalls(stage, port);
  await customer.messageLike('received', /^SIP\/2\.0 4\d\d /m);
  assert.equal(await desk.part('card').count(), 0);
});
