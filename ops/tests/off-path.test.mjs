// Somebody who isn't on the way of a call can neither be heard in it, nor take it over, nor end it, even in the name of one who is; and who had a
// port before isn't heard by the next call there.
import assert from 'node:assert/strict';
import path from 'node:path';
import { Desk } from './peers/desk.mjs';
import { AGENT_HZ, CUSTOMER_HZ } from './peers/floor.mjs';
import { Gateway } from './peers/gateway.mjs';
import { cannotRun, Network } from './peers/network.mjs';
import { Phone } from './peers/phone.mjs';
import { Sipp } from './peers/sipp.mjs';
import { hears, staged, until } from './stage.mjs';

const CALLED = '+919000000001';
const FORGED_HZ = 440;
const FORMER_HZ = 1300;
const QUARANTINE_MS = 10_000;
const ATTACKED_FOR_MS = 3000;
const FORGER = path.join(import.meta.dirname, 'peers', 'forger.mjs');

const trunk = (listen) => `
[[trunk]]
name = "carrier"
listen = "udp:${listen}"
allow = ["127.0.0.0/8"]

[[agent]]
id = "agent7"
name = "Asha"

[[route]]
trunk = "carrier"
called = "${CALLED}"
agent = "agent7"
`;

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

if (cannotRun()) console.log(`# skipped: ${cannotRun()}`);
else {
  staged('who is elsewhere is not heard, moves no audio and ends no call, even in the name of the browser', async (stage) => {
    const [home, elsewhere] = [await Network.open(stage), await Network.open(stage)];
    const port = await stage.ports.take(1);
    const gateway = await Gateway.start(stage, trunk(`${home.host}:${port}`), { address: home.host, rtpPorts: 6 });
    const desk = await Desk.within(stage, home, gateway, { agent: 'agent7', hz: AGENT_HZ });
    const customer = await Sipp.calls(stage, { target: `${home.host}:${port}`, called: CALLED, hz: CUSTOMER_HZ });
    await desk.card('ringing-in', { within: 30_000 });
    await desk.click('answer');
    await desk.card('connected');
    const bothHear = async () => {
      await hears('the agent', CUSTOMER_HZ, () => desk.heard(), { within: 20_000 });
      customer.capture.forget();
      await hears('the customer', AGENT_HZ, () => customer.heard(), { within: 20_000 });
    };
    await bothHear();
    const dropped = () => gateway.samples('warmline_rtp_dropped_packets_total', 'cause');
    const before = await dropped();
    const browser = await desk.path();
    assert.equal(browser.gateway, gateway.webrtcPort);
    const rtp = Array.from({ length: 6 }, (_, n) => ({ address: home.host, port: gateway.rtpPort + n }));
    const webrtc = { address: home.host, port: gateway.webrtcPort };
    await elsewhere.pretends(home.address);
    const guises = { 'in its own name': undefined, 'in the name of the browser': { address: home.address, port: browser.port } };
    for (const [guise, from] of Object.entries(guises)) {
      const [command, args] = elsewhere.inside(process.execPath, FORGER, JSON.stringify({ from, to: [...rtp, webrtc], hz: FORGED_HZ }));
      const forger = stage.process(`forger ${guise}`, command, args);
      await forger.line(/^sending/);
      const began = Date.now();
      while (Date.now() < began + ATTACKED_FOR_MS) await bothHear();
      assert.ok(await desk.card('connected'), guise);
      await forger.stop();
    }
    const after = await until('what was forged is counted', async () => {
      const counted = await dropped();
      const more = (cause) => (counted.get(cause) ?? 0) - (before.get(cause) ?? 0);
      return ['unknown_source', 'unchecked', 'forged'].every((cause) => more(cause) > 0) && counted;
    });
    console.log(`# dropped by cause: ${JSON.stringify(Object.fromEntries([...after].filter(([, count]) => count > 0)))}`);
    const path = await desk.path();
    assert.deepEqual(path, browser, 'the audio takes the same way as before');
    await bothHear();
    await customer.hangUp();
    await desk.card('wrap-up');
    await customer.done();
  });

  staged('who speaks on after hanging up is not heard by the next call on the same port', async (stage) => {
    const port = await stage.ports.take(1);
    // One pair of ports: the second call has the first one's.
    const gateway = await Gateway.start(stage, trunk(`127.0.0.1:${port}`), { rtpPorts: 2 });
    const desk = await Desk.open(stage, gateway, { agent: 'agent7', hz: AGENT_HZ });
    const answered = desk.card('ringing-in', { within: 30_000 }).then(() => desk.click('answer'));
    const former = await Phone.calls(stage, { port, called: CALLED, hz: FORMER_HZ });
    await answered;
    await hears('the agent', FORMER_HZ, () => desk.heard());
    await former.hangUp();
    await desk.card('wrap-up');
    await desk.clear();
    await pause(QUARANTINE_MS + 500);
    const customer = await Sipp.calls(stage, { target: `127.0.0.1:${port}`, called: CALLED, hz: CUSTOMER_HZ });
    await desk.card('ringing-in');
    await desk.click('answer');
    await desk.card('connected');
    await hears('the agent', CUSTOMER_HZ, () => desk.heard());
    await hears('the customer', AGENT_HZ, () => customer.heard());
    await until('what the former one sends is counted', async () => (await gateway.samples('warmline_rtp_dropped_packets_total', 'cause')).get('former') > 0);
    await customer.hangUp();
    await customer.done();
  });
}
