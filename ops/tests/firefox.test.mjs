// The desk in Firefox: what works in Chromium works there, too.
import assert from 'node:assert/strict';
import { AGENT, answer, bothHear, carrier, customerCalls } from './peers/carrier.mjs';
import { Desk } from './peers/desk.mjs';
import { Gateway } from './peers/gateway.mjs';
import { Sipp } from './peers/sipp.mjs';
import { staged } from './stage.mjs';

const AGENT_HZ = 1100;
const CUSTOMER_HZ = 700;

staged('in Firefox the desk gets ready, dials out and takes a call in, both heard, also after a reload in the talk', async (stage) => {
  const called = await Sipp.answers(stage, { hz: CUSTOMER_HZ });
  const port = await stage.ports.take(1);
  const gateway = await Gateway.start(stage, carrier(port, { trunk: `peer = "sip:${called.address};transport=udp"\noptions_interval = "0s"`, agent: 'dial_via = "carrier"' }));
  const desk = await Desk.firefox(stage, gateway, { agent: AGENT, hz: AGENT_HZ });
  const hear = (customer) => bothHear(desk, customer, { agentHz: AGENT_HZ, customerHz: CUSTOMER_HZ });

  await desk.dial('+919000000002');
  await desk.card('connected');
  await hear(called);
  await desk.click('end');
  await called.done();
  await desk.card('wrap-up');
  await desk.clear();

  const customer = await customerCalls(stage, port, CUSTOMER_HZ);
  const call = await answer(desk);
  await hear(customer);
  await desk.reload();
  assert.equal(await desk.card('connected'), call);
  await hear(customer);
  assert.deepEqual(await customer.messagesLike('received', /^BYE /m), []);
  await gateway.settledLegs(2);
  await customer.hangUp();
  await customer.done();
  await desk.card('wrap-up');
  assert.deepEqual(desk.said.filter((line) => line.startsWith('error')), []);
});
