// Carriers' calls over UDP with G.711, SIPp on the other side, both directions.
import { Desk } from './peers/desk.mjs';
import { Gateway } from './peers/gateway.mjs';
import { Sipp } from './peers/sipp.mjs';
import { hears, staged } from './stage.mjs';

const CALLED = '+919000000001';
const AGENT_HZ = 700;
const CUSTOMER_HZ = 1000;

const trunk = (port, more = '') => `
[[trunk]]
name = "carrier"
listen = "udp:127.0.0.1:${port}"
allow = ["127.0.0.0/8"]
${more}

[[agent]]
id = "agent7"
name = "Asha"
dial_via = "carrier"

[[route]]
trunk = "carrier"
called = "${CALLED}"
agent = "agent7"
`;

staged('a carrier\'s call rings at the desk, is answered there, both hear, and its BYE ends it in the page', async (stage) => {
  const port = await stage.ports.take(1);
  const gateway = await Gateway.start(stage, trunk(port));
  const desk = await Desk.open(stage, gateway, { agent: 'agent7', hz: AGENT_HZ });
  const customer = await Sipp.calls(stage, { target: `127.0.0.1:${port}`, called: CALLED, hz: CUSTOMER_HZ });
  await desk.card('ringing-in');
  await desk.click('answer');
  await desk.card('connected');
  await hears('the customer', AGENT_HZ, () => customer.heard());
  await hears('the agent', CUSTOMER_HZ, () => desk.heard());
  await customer.hangUp();
  await desk.card('wrap-up');
  await customer.done();
});

staged('the desk dials through a trunk, both hear, and End sends the BYE', async (stage) => {
  const port = await stage.ports.take(1);
  const customer = await Sipp.answers(stage, { hz: CUSTOMER_HZ });
  const gateway = await Gateway.start(stage, trunk(port, `peer = "sip:${customer.address};transport=udp"`));
  const desk = await Desk.open(stage, gateway, { agent: 'agent7', hz: AGENT_HZ });
  await desk.dial('+919000000002');
  await desk.card('connected');
  await hears('the customer', AGENT_HZ, () => customer.heard());
  await hears('the agent', CUSTOMER_HZ, () => desk.heard());
  await desk.click('end');
  await customer.done();
  await desk.card('wrap-up');
});
