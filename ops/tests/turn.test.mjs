// An agent whose network lets nothing but a relay through: coturn, with the credentials that the gateway makes for a while.
import assert from 'node:assert/strict';
import { Desk } from './peers/desk.mjs';
import { AGENT_HZ } from './peers/floor.mjs';
import { Gateway } from './peers/gateway.mjs';
import { cannotRun, Network } from './peers/network.mjs';
import { Provider } from './peers/provider.mjs';
import { hears, staged } from './stage.mjs';

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
const SECRET = 'a secret that the relay and the gateway share';

if (cannotRun()) console.log(`# skipped: ${cannotRun()}`);
else {
  staged('an agent behind a relay talks, both ways, with a credential of the gateway\'s', async (stage) => {
    const network = await Network.open(stage);
    await network.blockUdp();
    const relay = await stage.ports.take(1);
    const [low, count] = [await stage.ports.take(20), 20];
    stage.process('coturn', 'turnserver', [
      '-n', '--no-cli', '--no-tls', '--no-dtls', '--log-file', 'stdout', '--simple-log', '--pidfile', `${stage.directory}/coturn.pid`, '--userdb', `${stage.directory}/coturn.db`,
      '--realm', 'example.com', '--use-auth-secret', '--static-auth-secret', SECRET, '--listening-ip', network.host, '--listening-port', String(relay),
      '--relay-ip', network.host, '--min-port', String(low), '--max-port', String(low + count - 1), '--allow-loopback-peers',
    ]);
    const provider = await Provider.start(stage);
    const media = `webrtc_tcp = false\nturn = [{ urls = "turn:${network.host}:${relay}?transport=tcp", secret = "${SECRET}", ttl = "1h" }]`;
    const gateway = await Gateway.start(stage, provider.section() + SECTIONS, { address: network.host, media });
    const desk = await Desk.within(stage, network, gateway, { agent: 'agent7', hz: AGENT_HZ });
    await desk.dial(CUSTOMER);
    await desk.card('connected', { within: 30_000 });
    const { ucid } = await provider.call(CUSTOMER.replace('+91', ''));
    await hears('the agent', CUSTOMER_HZ, () => desk.heard(), { within: 30_000 });
    await hears('the customer', AGENT_HZ, () => provider.heard(ucid), { within: 30_000 });
    const { port } = await desk.path();
    assert.ok(port >= low && port < low + count, `the page speaks from the relay's port, and not from ${port}`);
  });
}
