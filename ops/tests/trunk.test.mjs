// Carriers' calls over UDP with G.711, SIPp on the other side, both directions.
import { AGENT, bothHear, carrier, talk } from './peers/carrier.mjs';
import { Desk } from './peers/desk.mjs';
import { AGENT_HZ, CUSTOMER_HZ } from './peers/floor.mjs';
import { Gateway } from './peers/gateway.mjs';
import { Sipp } from './peers/sipp.mjs';
import { staged } from './stage.mjs';

staged('a carrier\'s call rings at the desk, is answered there, both hear, and its BYE ends it in the page', async (stage) => {
  const { desk, customer } = await talk(stage, { hz: AGENT_HZ });
  await customer.hangUp();
  await desk.card('wrap-up');
  await customer.done();
});

staged('the desk dials through a trunk, both hear, and End sends the BYE', async (stage) => {
  const port = await stage.ports.take(1);
  const customer = await Sipp.answers(stage, { hz: CUSTOMER_HZ });
  const gateway = await Gateway.start(stage, carrier(port, { trunk: `peer = "sip:${customer.address};transport=udp"\noptions_interval = "0s"`, agent: 'dial_via = "carrier"' }));
  const desk = await Desk.open(stage, gateway, { agent: AGENT, hz: AGENT_HZ });
  await desk.dial('+919000000002');
  await desk.card('connected');
  await bothHear(desk, customer, { agentHz: AGENT_HZ });
  await desk.click('end');
  await customer.done();
  await desk.card('wrap-up');
});
