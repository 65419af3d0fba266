// An agent's network changes in the midst of a call: another address, and nothing that was open works any more; or UDP is dropped from now on; or
// nothing gets through for a moment. Both hear each other again within three seconds, and a moment is made nothing of.
import assert from 'node:assert/strict';
import { availableParallelism, loadavg } from 'node:os';
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
const WITHIN_MS = 3000;
const MOMENT_MS = 900;
const PATIENCE_MS = 20_000;
// A machine that does other things besides proves that it works, not how fast.
const isQuiet = () => loadavg()[0] < 1.5 * availableParallelism();

if (cannotRun()) console.log(`# skipped: ${cannotRun()}`);
else {
  staged('an agent whose address changes in a call hears and is heard again within seconds, by an ICE restart', async (stage) => {
    const { network, desk, bothHear, sameCall } = await talk(stage);
    assert.equal((await desk.path()).address, network.address);
    const quiet = isQuiet();
    const began = Date.now();
    await network.move();
    const back = await packetsAgain(desk, began);
    await until('the gateway has the page\'s packets', async () => (await desk.path())?.address === network.address, { within: PATIENCE_MS, pause: 20 });
    await bothHear({ within: PATIENCE_MS });
    tell('the address went', back, began);
    await sameCall();
    if (quiet) assert.ok(back < WITHIN_MS, `packets came again after ${back} ms`);
  });

  staged('an agent whose network drops UDP in a call goes on over TCP within seconds', async (stage) => {
    const { network, desk, call, bothHear } = await talk(stage);
    const quiet = isQuiet();
    const began = Date.now();
    await network.blockUdp();
    const back = await packetsAgain(desk, began);
    await bothHear({ within: PATIENCE_MS });
    tell('UDP was cut', back, began);
    assert.equal((await desk.path()).protocol, 'tcp');
    assert.equal(await desk.card('connected'), call);
    if (quiet) assert.ok(back < WITHIN_MS, `packets came again after ${back} ms`);
  });

  staged('a network that lets nothing through for a moment costs that moment, and one restart at the most', async (stage) => {
    const { network, desk, bothHear, sameCall } = await talk(stage);
    await desk.page.evaluate(() => {
      globalThis.stageRestarts = 0;
      const native = RTCPeerConnection.prototype.restartIce;
      RTCPeerConnection.prototype.restartIce = function () {
        globalThis.stageRestarts += 1;
        native.call(this);
      };
    });
    const began = Date.now();
    await network.blackout(MOMENT_MS);
    const back = await packetsAgain(desk, began);
    await bothHear({ within: PATIENCE_MS });
    tell('the blackout began', back, began);
    assert.ok((await desk.page.evaluate('stageRestarts')) <= 1);
    await sameCall();
  });
}

/** A talk over a network of its own, both heard. */
async function talk(stage) {
  const network = await Network.open(stage);
  const provider = await Provider.start(stage);
  const gateway = await Gateway.start(stage, provider.section() + SECTIONS, { address: network.host });
  const desk = await Desk.within(stage, network, gateway, { agent: 'agent7', hz: AGENT_HZ });
  const call = await desk.dial(CUSTOMER);
  await desk.card('connected', { within: 30_000 });
  const { ucid } = await provider.call(CUSTOMER.replace('+91', ''));
  const bothHear = async (limits) => {
    await hears('the agent', CUSTOMER_HZ, () => desk.heard(), limits);
    await hears('the customer', AGENT_HZ, () => provider.heard(ucid), limits);
  };
  await bothHear({ within: 30_000 });
  const peers = () => desk.page.evaluate(() => globalThis.stagePeers.length);
  const before = await peers();
  const sameCall = async () => {
    assert.equal(await peers(), before, 'the same leg: an ICE restart, no new connection');
    assert.equal(await desk.card('connected'), call, 'the same call');
  };
  return { network, desk, call, bothHear, sameCall };
}

/** Milliseconds from `began` until packets come to the page again. */
async function packetsAgain(desk, began) {
  let [{ packets: last }, more] = [await desk.arrived(), 0];
  await until('packets come to the page', async () => {
    const { packets } = await desk.arrived();
    // A leg that is closed takes its packets out of the sum.
    more += Math.max(0, packets - last);
    last = packets;
    return more > 10;
  }, { within: PATIENCE_MS, pause: 20 });
  return Date.now() - began;
}

function tell(what, back, began) {
  console.log(`# packets came to the page again ${back} ms after ${what}, both were heard again after ${Date.now() - began} ms (load ${loadavg()[0].toFixed(1)})`);
}
