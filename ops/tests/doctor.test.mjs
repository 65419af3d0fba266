// One-way audio: a customer of whom nothing comes any more is listened for elsewhere, described anew, and told of, in this order; silence that is right
// is left alone.
import assert from 'node:assert/strict';
import { AGENT, CALLED, answer, carrier } from './peers/carrier.mjs';
import { Desk } from './peers/desk.mjs';
import { AGENT_HZ, CUSTOMER_HZ } from './peers/floor.mjs';
import { Gateway } from './peers/gateway.mjs';
import { Phone } from './peers/phone.mjs';
import { hears, staged, until } from './stage.mjs';

const MOVED_HZ = 1300;

async function begin(stage) {
  const port = await stage.ports.take(1);
  const gateway = await Gateway.start(stage, carrier(port));
  const desk = await Desk.open(stage, gateway, { agent: AGENT, hz: AGENT_HZ });
  const answered = desk.card('ringing-in', { within: 30_000 }).then(() => desk.click('answer'));
  const phone = await Phone.calls(stage, { port, called: CALLED, hz: CUSTOMER_HZ });
  await answered;
  const call = await desk.card('connected');
  await hears('the agent', CUSTOMER_HZ, () => desk.heard());
  const step = async (name) => (await gateway.samples('warmline_media_doctor_total', 'step')).get(name) ?? 0;
  return { gateway, desk, phone, call, step };
}

staged('a customer behind a NAT that forgot it is heard again from its new port, and its signalling is left alone', async (stage) => {
  const { desk, phone, step } = await begin(stage);
  phone.fallsSilent();
  await until('it is listened for', async () => (await step('relatch')) === 1, { within: 6_000 });
  await phone.moves(MOVED_HZ);
  await hears('the agent', MOVED_HZ, () => desk.heard());
  assert.equal(phone.reinvites, 0);
});

staged('a customer that stays dumb is described anew, then the agent is told, and the call goes on', async (stage) => {
  const { gateway, desk, phone, call, step } = await begin(stage);
  phone.fallsSilent();
  await until('the audio is offered anew', () => phone.reinvites === 1, { within: 12_000 });
  assert.equal(await step('relatch'), 1);
  assert.equal(await step('reinvite'), 1);
  await until('the agent is told', async () => (await step('tell-agent')) === 1, { within: 12_000 });
  const { story } = await gateway.api(desk.token, `/v1/calls/${call}/explain`);
  assert.match(JSON.stringify(story), /can't be heard: nothing has come/);
  assert.equal(await desk.card('connected'), call);
  assert.equal(await step('restart-ice'), 0, 'there is no ICE on a trunk');
});

staged('a call on hold is no case for it', async (stage) => {
  const { desk, phone, step } = await begin(stage);
  await desk.click('hold');
  await desk.card('held');
  phone.fallsSilent();
  await new Promise((resolve) => setTimeout(resolve, 8_000));
  for (const name of ['relatch', 'reinvite', 'tell-agent']) assert.equal(await step(name), 0, name);
  assert.equal(phone.reinvites, 0);
});
