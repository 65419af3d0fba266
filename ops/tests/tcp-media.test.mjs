// An agent whose network lets no UDP through: the audio takes the same port by TCP, both ways, and a stranger there gets nowhere.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { Desk } from './peers/desk.mjs';
import { AGENT_HZ } from './peers/floor.mjs';
import { Gateway } from './peers/gateway.mjs';
import { cannotRun, Network } from './peers/network.mjs';
import { Provider } from './peers/provider.mjs';
import { hears, staged, until } from './stage.mjs';

const SECTIONS = `
[[agent]]
id = "agent7"
name = "Asha"
extension = "500607"
agent_id = "agent7"
agent_unique_id = 100207
campaign = "300401"
`;
const CUSTOMER = '+919000000010';
const CUSTOMER_HZ = 440; // the simulated provider's customers' voice

if (cannotRun()) console.log(`# skipped: ${cannotRun()}`);
else {
  staged('an agent without UDP talks over TCP, both ways, and the call ends as any other', async (stage) => {
    const network = await Network.open(stage);
    await network.blockUdp();
    const provider = await Provider.start(stage);
    const gateway = await Gateway.start(stage, provider.section() + SECTIONS, { address: network.host });
    const desk = await Desk.within(stage, network, gateway, { agent: 'agent7', hz: AGENT_HZ });
    await desk.dial(CUSTOMER);
    await desk.card('connected', { within: 30_000 });
    const { ucid } = await provider.call(CUSTOMER.replace('+91', ''));
    await hears('the agent', CUSTOMER_HZ, () => desk.heard(), { within: 30_000 });
    await hears('the customer', AGENT_HZ, () => provider.heard(ucid), { within: 30_000 });
    const path = await desk.path();
    assert.equal(path.protocol, 'tcp');
    assert.equal(path.gateway, gateway.webrtcPort);
    await desk.click('end');
    await provider.ended(ucid);
    await gateway.settled({ legs: 1 });
  });

  staged('who connects and shows no password is hung up on within seconds, and there is no room for many', async (stage) => {
    const gateway = await Gateway.start(stage, '');
    const connect = async () => {
      const socket = net.connect(gateway.webrtcPort, '127.0.0.1');
      socket.on('error', () => {});
      stage.leaves(() => socket.destroy());
      const over = new Promise((resolve) => socket.once('close', () => resolve(Date.now())));
      await once(socket, 'connect');
      socket.resume();
      return over;
    };
    const began = Date.now();
    const ends = await Promise.all(Array.from({ length: 100 }, connect));
    const lived = ends.map((end) => end - began).sort((a, b) => a - b);
    assert.ok(lived.at(-1) < 15_000, `the last was let go after ${lived.at(-1)} ms`);
    // 64 of one address may be strangers at a time; the others are let go at once.
    const atOnce = lived.filter((ms) => ms < 4_000).length;
    assert.equal(atOnce, 100 - 64, `${lived}`);
    await until('they are counted', async () => (await gateway.samples('warmline_rtp_dropped_packets_total', 'cause')).get('too_busy') === 36);
  });
}
