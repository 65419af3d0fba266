// An agent's page takes the call over and never brings its audio: the customer isn't left waiting for it.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import WebSocket from 'ws';
import { Desk } from './peers/desk.mjs';
import { Gateway } from './peers/gateway.mjs';
import { Provider } from './peers/provider.mjs';
import { staged, until } from './stage.mjs';

const SECTIONS = `
[limits]
grace = "2s"

[[agent]]
id = "agent7"
name = "Asha"
extension = "500607"
agent_id = "agent7"
agent_unique_id = 100207
campaign = "300401"
`;
const CUSTOMER = '+919000000010';

staged('a second page without audio ends the call after the grace, and the customer is let go', async (stage) => {
  const provider = await Provider.start(stage);
  const gateway = await Gateway.start(stage, provider.section() + SECTIONS);
  const desk = await Desk.open(stage, gateway, { agent: 'agent7', hz: 700 });
  const call = await desk.dial(CUSTOMER);
  await desk.card('connected');
  const { ucid } = await provider.call(CUSTOMER.replace('+91', ''));

  // It stays connected all the while, so that nothing but the missing audio can end the call.
  const page = new WebSocket(`${gateway.url.replace('http', 'ws')}/v1/agent`, 'warmline.agent.v1', { origin: gateway.url });
  stage.leaves(() => page.terminate());
  await once(page, 'open');
  page.send(JSON.stringify({ id: 1, op: 'hello', token: desk.token, sdk: 'stage' }));

  const over = async () => (await gateway.api(desk.token, `/v1/calls/${call}`)).ended;
  const ended = await until('the call ends', over);
  assert.equal(ended.reason, 'agent-lost');
  assert.match(ended.detail, /audio connection was gone/);
  assert.equal(page.readyState, WebSocket.OPEN);
  assert.ok(await provider.ended(ucid), 'the provider\'s leg is over');
  await until('no call is left in the gateway', async () => (await gateway.activeCalls()) === 0);
});
