// A trunk whose audio is protected by keys in the descriptions (SDES): baresip offers it and is offered it, and plain audio is refused.
import assert from 'node:assert/strict';
import { isTone } from './audio.mjs';
import { Baresip } from './peers/baresip.mjs';
import { Desk } from './peers/desk.mjs';
import { AGENT_HZ, assertEnded, CUSTOMER_HZ } from './peers/floor.mjs';
import { Gateway } from './peers/gateway.mjs';
import { SipPeer } from './peers/sip.mjs';
import { hears, staged } from './stage.mjs';

const CALLED = '+919000000001';
const CUSTOMER = '+919000000002';

const trunk = (port, peer, srtp) => `
[[trunk]]
name = "carrier"
listen = "udp:127.0.0.1:${port}"
peer = "sip:${peer};transport=udp"
options_interval = "0s"
srtp = "${srtp}"

[[agent]]
id = "agent7"
name = "Asha"
dial_via = "carrier"

[[route]]
trunk = "carrier"
called = "${CALLED}"
agent = "agent7"
`;

staged('both ways, in and out, are heard over SRTP, and nobody on the wire hears anything', async (stage) => {
  const customer = await Baresip.start(stage, { number: CUSTOMER, hz: CUSTOMER_HZ, encryption: 'srtp-mand' });
  const port = await stage.ports.take(1);
  const gateway = await Gateway.start(stage, trunk(port, customer.address, 'require'));
  const desk = await Desk.open(stage, gateway, { agent: 'agent7', hz: AGENT_HZ });
  const bothHear = async () => {
    await hears('the agent', CUSTOMER_HZ, () => desk.heard(), { within: 20_000 });
    await hears('the customer', AGENT_HZ, () => customer.decoded(), { within: 20_000 });
    assert.ok(customer.capture.packets > 0, 'there were packets');
    assert.ok(!isTone(customer.heard(), AGENT_HZ), 'and nothing to be heard in them');
  };

  customer.dial(`sip:${CALLED}@127.0.0.1:${port}`);
  const inbound = await desk.card('ringing-in');
  await desk.click('answer');
  await bothHear();
  customer.hangUp();
  await assertEnded({ gateway, desk }, inbound, { by: 'customer', reason: 'hangup' });
  await desk.clear();

  const outbound = await desk.dial(CUSTOMER);
  await desk.card('connected');
  await bothHear();
  await desk.click('end');
  await assertEnded({ gateway, desk }, outbound, { by: 'agent', reason: 'hangup' });
});

staged('a trunk that requires SRTP refuses plain audio, and one without it refuses SRTP', async (stage) => {
  const sdp = (protocol, more = '') => ['v=0', 'o=- 1 1 IN IP4 127.0.0.1', 's=-', 'c=IN IP4 127.0.0.1', 't=0 0', `m=audio 40000 ${protocol} 0`, ...(more ? [more] : []), ''].join('\r\n');
  const key = 'a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd';
  for (const [srtp, body] of [['require', sdp('RTP/AVP')], ['off', sdp('RTP/SAVP', key)]]) {
    const port = await stage.ports.take(1);
    const gateway = await Gateway.start(stage, trunk(port, '127.0.0.1:9', srtp), { rtpPorts: 10 });
    await Desk.open(stage, gateway, { agent: 'agent7', hz: AGENT_HZ });
    const caller = await SipPeer.udp(port);
    stage.leaves(() => caller.close());
    const answer = await caller.ask('INVITE', { transport: 'udp', uri: `sip:${CALLED}@127.0.0.1:${port}`, headers: ['Content-Type: application/sdp'], body });
    assert.match(answer, /^SIP\/2\.0 488 /, `srtp = "${srtp}"`);
  }
});
