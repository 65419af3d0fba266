// The simulated provider alone, spoken to by hand: what the gateway is tested against keeps the platform's word itself.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import WebSocket from 'ws';
import { Provider } from './peers/provider.mjs';
import { staged, until } from './stage.mjs';

staged('the provider hands out a usId, records frames as they came, and names a broken rule', async (stage) => {
  const provider = await Provider.start(stage);
  const socket = new WebSocket(provider.addresses.token_url);
  stage.leaves(() => socket.terminate());
  const ids = JSON.parse(String((await once(socket, 'message'))[0]));
  assert.ok(JSON.stringify(ids).includes('usId'), JSON.stringify(ids));
  const frame = { type: 'tbGetCampaigns', ns: 'ozonetel.cloudagent', customer: 'acme_clinic', agentId: 'agent7', agentUniqId: '100207', utid: 1 };
  socket.send(JSON.stringify(frame));
  assert.deepEqual(await until('the frame is recorded', async () => (await provider.received('tbGetCampaigns')).at(-1)), frame);
  const { breaches } = await provider.state();
  assert.ok(breaches.some((breach) => JSON.stringify(breach).includes('agentUniqId')), 'a text where a number belongs is a breach');
});
