// A softphone that nobody here wrote, on a trunk: it calls in and is called, and both sides hear each other.
import { AGENT_HZ, assertEnded, CUSTOMER_HZ } from './peers/floor.mjs';
import { Baresip } from './peers/baresip.mjs';
import { Desk } from './peers/desk.mjs';
import { Gateway } from './peers/gateway.mjs';
import { hears, staged, until } from './stage.mjs';

const CALLED = '+919000000001';
const CUSTOMER = '+919000000002';

const trunk = (port, peer) => `
[[trunk]]
name = "carrier"
listen = "udp:127.0.0.1:${port}"
peer = "sip:${peer};transport=udp"

[[agent]]
id = "agent7"
name = "Asha"
dial_via = "carrier"

[[route]]
trunk = "carrier"
called = "${CALLED}"
agent = "agent7"
`;

async function bothHear(desk, customer) {
  customer.capture.forget();
  await hears('the customer', AGENT_HZ, () => customer.heard());
  await hears('the agent', CUSTOMER_HZ, () => desk.heard());
}

staged('baresip calls in, holds, resumes and hangs up, then is called and hung up on', async (stage) => {
  const customer = await Baresip.start(stage, { number: CUSTOMER, hz: CUSTOMER_HZ });
  const port = await stage.ports.take(1);
  const gateway = await Gateway.start(stage, trunk(port, customer.address));
  const desk = await Desk.open(stage, gateway, { agent: 'agent7', hz: AGENT_HZ });

  customer.dial(`sip:${CALLED}@127.0.0.1:${port}`);
  const inbound = await desk.card('ringing-in');
  await desk.click('answer');
  await bothHear(desk, customer);
  customer.hold(true);
  await until('the customer on hold hears nothing of the agent', () => customer.capture.isStill());
  await desk.card('connected');
  customer.hold(false);
  await bothHear(desk, customer);
  customer.hangUp();
  await assertEnded({ gateway, desk }, inbound, { by: 'customer', reason: 'hangup' });
  await desk.clear();

  customer.events.length = 0;
  const outbound = await desk.dial(CUSTOMER);
  await desk.card('connected');
  await bothHear(desk, customer);
  await desk.click('end');
  await customer.event('CALL_CLOSED');
  await assertEnded({ gateway, desk }, outbound, { by: 'agent', reason: 'hangup' });
  await until('no call is left in the gateway', async () => (await gateway.activeCalls()) === 0);
});
