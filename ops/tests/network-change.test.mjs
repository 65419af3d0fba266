// An agent's network changes in the midst of a call: another address, and nothing that was open works any more. ICE is restarted, and both hear each other
// again within three seconds.
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
const PATIENCE_MS = 20_000;
// A machine that does other things besides proves that it works, not how fast.
const isQuiet = () => loadavg()[0] < 1.5 * availableParallelism();

if (cannotRun()) console.log(`# skipped: ${cannotRun()}`);
else {
  staged('an agent whose address changes in a call hears and is heard again within seconds, by an ICE restart', async (stage) => {
    const network = await Network.open(stage);
    const provider = await Provider.start(stage);
    const gateway = await Gateway.start(stage, provider.section() + SECTIONS, { address: network.host });
    const desk = await Desk.within(stage, network, gateway, { agent: 'agent7', hz: AGENT_HZ });
    const call = await desk.dial(CUSTOMER);
    await desk.card('connected', { within: 30_000 });
    const { ucid } = await provider.call(CUSTOMER.replace('+91', ''));
    await hears('the agent', CUSTOMER_HZ, () => desk.heard(), { within: 30_000 });
    await hears('the customer', AGENT_HZ, () => provider.heard(ucid), { within: 30_000 });
    const peers = () => desk.page.evaluate(() => globalThis.stagePeers.length);
    const [before, count] = [await desk.path(), await peers()];
    assert.equal(before.address, network.address);

    const quiet = isQuiet();
    const began = Date.now();
    await network.move();
    const { packets } = await desk.arrived();
    await until('packets come to the page', async () => (await desk.arrived()).packets > packets + 10, { within: PATIENCE_MS, pause: 20 });
    const hearsAfter = Date.now() - began;
    await until('the gateway has the page\'s packets', async () => (await desk.path())?.address === network.address, { within: PATIENCE_MS, pause: 20 });
    await hears('the customer', AGENT_HZ, () => provider.heard(ucid), { within: PATIENCE_MS });
    await hears('the agent', CUSTOMER_HZ, () => desk.heard(), { within: PATIENCE_MS });
    console.log(`# packets came to the page again ${hearsAfter} ms after the address went, both were heard again after ${Date.now() - began} ms (load ${loadavg()[0].toFixed(1)})`);
    assert.equal(await peers(), count, 'the same leg: an ICE restart, no new connection');
    assert.equal(await desk.card('connected'), call, 'the same call');
    if (quiet) assert.ok(hearsAfter < WITHIN_MS, `packets came again after ${hearsAfter} ms`);
  });
}
