// A front-end developer's page on an origin of its own, with the SDK out of the gateway's binary; and what frameworks do to such pages.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import path from 'node:path';
import { heardIn, launch } from './peers/browser.mjs';
import { Gateway } from './peers/gateway.mjs';
import { Provider } from './peers/provider.mjs';
import { run } from './process.mjs';
import { hears, staged, until } from './stage.mjs';

const WEB = path.join(import.meta.dirname, '..', '..', 'gateway', 'web');
const AGENT_HZ = 700;
const CUSTOMER = '+919000000010'; // plays 440 Hz
const CUSTOMER_HZ = 440;
const AGENT = `
[[agent]]
id = "agent7"
name = "Asha"
extension = "500607"
agent_id = "agent7"
agent_unique_id = 100207
campaign = "300401"
`;

/** The page as its developer serves it, and a gateway that lets its origin in. */
async function begin(stage) {
  const page = await readFile(path.join(WEB, 'examples', 'agent.html'));
  const server = createServer((_, response) => response.writeHead(200, { 'content-type': 'text/html' }).end(page));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  stage.leaves(() => {
    server.closeAllConnections();
    server.close();
  });
  const origin = `http://127.0.0.1:${server.address().port}`;
  const provider = await Provider.start(stage);
  const gateway = await Gateway.start(stage, provider.section() + AGENT, { origins: [origin] });
  const tab = await (await launch(stage, AGENT_HZ)).newPage();
  const said = [];
  tab.on('console', (message) => said.push(message.text()));
  tab.on('pageerror', (error) => said.push(String(error)));
  stage.tells(() => `--- the page said:\n${said.join('\n')}`);
  return { provider, gateway, tab, origin, token: await gateway.token('agent7') };
}

staged('thirty lines of HTML dial, talk, are told why a call ended, and take the next', async (stage) => {
  const { provider, gateway, tab, origin, token } = await begin(stage);
  assert.ok((await readFile(path.join(WEB, 'examples', 'agent.html'), 'utf8')).split('\n').length <= 36, 'it is still a short page');
  await tab.goto(`${origin}/#gateway=${encodeURIComponent(gateway.url)}&token=${token}`);
  await tab.getByText('Ready', { exact: true }).waitFor();
  await tab.getByPlaceholder('+91…').fill(CUSTOMER);
  await tab.getByText('Call', { exact: true }).click();
  assert.match(await tab.locator('#state').innerText(), /ringing-out/, 'drawn with the click');
  await tab.getByText(`${CUSTOMER}: connected`).waitFor();
  const { ucid } = await provider.call(CUSTOMER.replace('+91', ''));
  await hears('the customer', AGENT_HZ, () => provider.heard(ucid));
  await provider.post(`/calls/${ucid}/hangup`);
  await tab.getByText('The customer hung up.').waitFor();
  await tab.getByText('Ready', { exact: true }).waitFor();
  await gateway.settled({ legs: 1 });
});

staged('a component that is mounted twice is one session, one leg, one registration', async (stage) => {
  const { provider, gateway, tab, token } = await begin(stage);
  await tab.goto(`${gateway.url}/sdk/agent.d.ts`);
  // As a framework's strict mode does it: mounted, unmounted, mounted, in one tick; and then a second one that nobody unmounts.
  await tab.evaluate(async ([sdk, bearer]) => {
    const { Agent } = await import(sdk);
    const mount = () => {
      const agent = new Agent({ token: bearer });
      void agent.signIn();
      void agent.signIn();
      return agent;
    };
    mount().leave();
    globalThis.first = mount();
    await new Promise((resolve) => globalThis.first.on('readiness', ({ ready }) => ready && resolve()));
    globalThis.second = mount();
    await new Promise((resolve) => globalThis.second.on('readiness', ({ ready }) => ready && resolve()));
  }, [`${gateway.url}/sdk/agent.js`, token]);
  const connections = await tab.evaluate('[first.connection, second.connection]');
  assert.deepEqual(connections, [{ is: 'ended', because: 'replaced' }, { is: 'open' }]);
  await gateway.settled({ legs: 1 });
  assert.equal((await gateway.metrics()).get('warmline_agents_ready'), 1);
  const registered = provider.process.lines.filter((line) => line.includes('"registered"'));
  assert.equal(registered.length, 1, registered.join());
  const logins = provider.process.lines.filter((line) => line.includes('"agent_logged_in"'));
  assert.equal(logins.length, 1, logins.join());
  const call = await tab.evaluate((number) => {
    globalThis.second.on('quality', (told) => (globalThis.quality = told));
    return globalThis.second.dial(number).id;
  }, CUSTOMER);
  await until('the call is up', () => tab.evaluate((id) => globalThis.second.calls.find((each) => each.id === id).state === 'connected', call));
  await hears('the agent', CUSTOMER_HZ, () => heardIn(tab, 'globalThis.second.audio.remoteStream'));
  const quality = await until('the talk\'s quality is told', () => tab.evaluate('globalThis.quality'), { within: 25_000 });
  assert.equal(quality.call, call);
  for (const way of [quality.to_agent, quality.to_customer]) {
    assert.ok(['good', 'fair', 'poor', 'bad'].includes(way.grade) && way.mos >= 1 && way.mos <= 4.5, JSON.stringify(quality));
    assert.ok(way.rtt_ms < 1000 && way.loss_pct <= 100, JSON.stringify(quality));
  }
});

staged('the SDK is a package that npm takes', async (stage) => {
  const { code, stdout, stderr } = await run('npm pack', 'npm', ['pack', '--json', '--pack-destination', stage.directory], { cwd: path.join(WEB, 'dist', 'sdk') });
  assert.equal(code, 0, stderr);
  const [packed] = JSON.parse(stdout);
  assert.equal(packed.name, '@warmline/agent');
  assert.deepEqual(packed.files.map(({ path: name }) => name).toSorted(), ['agent.d.ts', 'agent.js', 'package.json']);
});
