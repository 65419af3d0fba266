// Codecs that can't meet: telephones with nothing but G.722 or opus, and an agent with nothing but opus. Both sides hear each other by
// frequency, each through a decoder that isn't ours.
import assert from 'node:assert/strict';
import { Baresip } from './peers/baresip.mjs';
import { Desk } from './peers/desk.mjs';
import { AGENT_HZ, assertEnded, CUSTOMER_HZ } from './peers/floor.mjs';
import { Gateway } from './peers/gateway.mjs';
import { Sipp } from './peers/sipp.mjs';
import { hears, staged, until } from './stage.mjs';

const CALLED = '+919000000001';
const CUSTOMER = '+919000000002';
const PATIENT = { within: 30_000 };

const trunk = (port, { more = '', agent = '' }) => `
[[trunk]]
name = "carrier"
listen = "udp:127.0.0.1:${port}"
${more}

[[agent]]
id = "agent7"
name = "Asha"
dial_via = "carrier"
${agent}

[[route]]
trunk = "carrier"
called = "${CALLED}"
agent = "agent7"
`;

async function transcoded(gateway) {
  const text = await fetch(`${gateway.operations}/metrics`).then((response) => response.text());
  return Number(/^warmline_media_path_packets_total\{path="transcode"\} (\d+)/m.exec(text)?.[1] ?? 0);
}

for (const codec of ['g722', 'opus']) {
  staged(`a telephone that speaks nothing but ${codec} calls in, and both hear each other`, async (stage) => {
    const customer = await Baresip.start(stage, { number: CUSTOMER, hz: CUSTOMER_HZ, codec });
    const port = await stage.ports.take(1);
    const gateway = await Gateway.start(stage, trunk(port, { more: `peer = "sip:${customer.address};transport=udp"` }));
    const desk = await Desk.open(stage, gateway, { agent: 'agent7', hz: AGENT_HZ });

    customer.dial(`sip:${CALLED}@127.0.0.1:${port}`);
    const call = await desk.card('ringing-in');
    await desk.click('answer');
    await hears('the agent', CUSTOMER_HZ, () => desk.heard(), PATIENT);
    await hears('the customer', AGENT_HZ, () => customer.decoded(), PATIENT);
    await until('packets were coded anew', async () => (await transcoded(gateway)) > 50, PATIENT);
    customer.hangUp();
    await assertEnded({ gateway, desk }, call, { by: 'customer', reason: 'hangup' });
  });

  staged(`a telephone that speaks nothing but ${codec} is called by a trunk that offers it, and both hear each other`, async (stage) => {
    const customer = await Baresip.start(stage, { number: CUSTOMER, hz: CUSTOMER_HZ, codec });
    const port = await stage.ports.take(1);
    const more = `peer = "sip:${customer.address};transport=udp"\ncodecs = ["PCMA", "${codec}"]`;
    const gateway = await Gateway.start(stage, trunk(port, { more }));
    const desk = await Desk.open(stage, gateway, { agent: 'agent7', hz: AGENT_HZ });

    const call = await desk.dial(CUSTOMER);
    await desk.card('connected', PATIENT);
    await hears('the agent', CUSTOMER_HZ, () => desk.heard(), PATIENT);
    await hears('the customer', AGENT_HZ, () => customer.decoded(), PATIENT);
    await desk.click('end');
    await assertEnded({ gateway, desk }, call, { by: 'agent', reason: 'hangup' });
  });
}

staged('an agent with opus and a carrier with G.711 hear each other', async (stage) => {
  const port = await stage.ports.take(1);
  const gateway = await Gateway.start(stage, trunk(port, { more: 'allow = ["127.0.0.0/8"]', agent: 'codecs = ["opus"]' }));
  const desk = await Desk.open(stage, gateway, { agent: 'agent7', hz: AGENT_HZ });
  assert.equal(await transcoded(gateway), 0, 'no call, no coding');
  const customer = await Sipp.calls(stage, { target: `127.0.0.1:${port}`, called: CALLED, hz: CUSTOMER_HZ });
  await desk.card('ringing-in');
  await desk.click('answer');
  await hears('the agent', CUSTOMER_HZ, () => desk.heard(), PATIENT);
  await hears('the customer', AGENT_HZ, () => customer.heard(), PATIENT);
  await until('packets were coded anew', async () => (await transcoded(gateway)) > 50, PATIENT);
  await customer.hangUp();
  await desk.card('wrap-up');
  await customer.done();
});
