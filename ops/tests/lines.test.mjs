// A thousand SIP lines over TLS that nobody uses: what one of them costs.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { Gateway } from './peers/gateway.mjs';
import { Provider } from './peers/provider.mjs';
import { staged, until } from './stage.mjs';

const LINES = 1000;
const BYTES_A_LINE = 35 * 1024;
const SETTLES_MS = 2000; // what the handshakes borrowed goes back

const line = (n) => `
[[agent]]
id = "agent${n}"
extension = "${600_000 + n}"
`;

const resident = async ({ child }) => Number(/VmRSS:\s+(\d+) kB/.exec(await readFile(`/proc/${child.pid}/status`, 'utf8'))[1]) * 1024;

async function up(gateway) {
  const metrics = await (await fetch(`${gateway.operations}/metrics`)).text();
  return Number(/^warmline_line_up\{kind="sip",via="ozonetel"\} (\d+)/m.exec(metrics)?.[1] ?? 0);
}

/** What the gateway's process holds once so many lines are up. */
async function held(stage, provider, lines) {
  const section = provider.section().replace(/^websocket = .*\n/m, ''); // no token sockets
  const gateway = await Gateway.start(stage, section + Array.from({ length: lines }, (_, n) => line(n)).join(''), { log: 'warn' });
  await until(`${lines} lines are up`, async () => (await up(gateway)) === lines, { within: 80_000 });
  await new Promise((resolve) => setTimeout(resolve, SETTLES_MS));
  const bytes = await resident(gateway.process);
  await gateway.process.stop();
  return bytes;
}

staged('an idle line over TLS costs little', async (stage, context) => {
  const provider = await Provider.start(stage);
  const one = await held(stage, provider, 1);
  const cost = ((await held(stage, provider, LINES)) - one) / (LINES - 1);
  context.diagnostic(`${(cost / 1024).toFixed(1)} kB a line`);
  assert.ok(cost <= BYTES_A_LINE, `${cost} bytes a line`);
});
