// A browser softphone that nobody here wrote and a line of ours, both registered at Kamailio: WebRTC to WebRTC, called and calling.
import assert from 'node:assert/strict';
import { Desk } from './peers/desk.mjs';
import { AGENT_HZ, assertEnded, CUSTOMER_HZ } from './peers/floor.mjs';
import { Gateway } from './peers/gateway.mjs';
import { JsSip } from './peers/jssip.mjs';
import { Kamailio } from './peers/kamailio.mjs';
import { hears, staged, until } from './stage.mjs';

const EXTENSION = '500607';
const CUSTOMER = '+919000000070';

async function bothHear(desk, customer) {
  await hears('JsSIP', AGENT_HZ, () => customer.heard());
  await hears('the agent', CUSTOMER_HZ, () => desk.heard());
}

staged('JsSIP calls a line, holds, presses a key and hangs up, then is called by the line', async (stage) => {
  const kamailio = await Kamailio.start(stage);
  const gateway = await Gateway.start(stage, kamailio.line({ agent: 'agent7', extension: EXTENSION }));
  await kamailio.registered(EXTENSION);
  const [desk, customer] = await Promise.all([
    Desk.open(stage, gateway, { agent: 'agent7', hz: AGENT_HZ }),
    JsSip.start(stage, kamailio, { user: CUSTOMER, hz: CUSTOMER_HZ }),
  ]);

  await customer.call(EXTENSION);
  const inbound = await desk.card('ringing-in');
  await desk.click('answer');
  await customer.event('confirmed');
  await bothHear(desk, customer);
  assert.equal(await customer.press('5'), 'taken');
  await customer.hold(true);
  await until('JsSIP on hold hears nothing of the agent', async () => ((await customer.heard())?.level ?? -99) < -60);
  await desk.card('connected');
  await customer.hold(false);
  await bothHear(desk, customer);
  await customer.hangUp();
  await assertEnded({ gateway, desk }, inbound, { by: 'customer', reason: 'hangup' });
  await desk.clear();

  const outbound = await desk.dial(CUSTOMER);
  await desk.card('connected');
  await customer.event('confirmed');
  await bothHear(desk, customer);
  await desk.click('end');
  await customer.event('ended');
  await assertEnded({ gateway, desk }, outbound, { by: 'agent', reason: 'hangup' });
  await until('no call is left in the gateway', async () => (await gateway.activeCalls()) === 0);
});
