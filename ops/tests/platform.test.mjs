// How the agent stands at the platform, and what the platform says of calls: both ways, on the wire.
import assert from 'node:assert/strict';
import { Desk } from './peers/desk.mjs';
import { Gateway } from './peers/gateway.mjs';
import { Provider } from './peers/provider.mjs';
import { hears, staged, until } from './stage.mjs';

const SECRET = 'a secret of the webhook';
const AGENT = `
[[agent]]
id = "agent7"
name = "Asha"
extension = "500607"
agent_id = "agent7"
agent_unique_id = 100207
campaign = "300401"
`;
const CUSTOMER = '+919000000010';

const kinds = async (provider) => (await provider.received()).map(({ type }) => type);

staged('who isn\'t at a desk is paused; a desk makes ready; a supervisor\'s pause is confirmed and shown; stopping signs out', async (stage) => {
  const provider = await Provider.start(stage);
  const gateway = await Gateway.start(stage, provider.section() + AGENT);
  const [pause] = await until('the agent signs in paused', async () => {
    const pauses = await provider.received('tbAgentPause');
    return pauses.length > 0 && pauses;
  });
  assert.equal(pause.params, 'Not at the desk,manual');
  const desk = await Desk.open(stage, gateway, { agent: 'agent7', hz: 700 });
  await until('the desk makes ready', async () => (await provider.received('tbAgentRelease')).length === 1);

  await provider.post('/push', { agentId: 'agent7', body: { type: 'pauseFromApi', reason: 'Training', who: 'supervisor' } });
  const confirmed = await until('the pause is confirmed', async () => (await provider.received('tbAgentPause'))[1]);
  assert.equal(confirmed.params, 'Training,manual');
  const shown = async () => (await gateway.api(desk.token, '/v1/agents/agent7')).status;
  const paused = await until('the desk\'s status follows', async () => (await shown()).name === 'break' && shown());
  assert.equal(paused.reason, 'Training (by supervisor)');
  await provider.post('/push', { agentId: 'agent7', body: { type: 'agentReleaseByAdmin', who: 'supervisor' } });
  await until('the desk\'s status follows back', async () => (await shown()).name === 'available');
  await until('the release is confirmed', async () => (await provider.received('tbAgentRelease')).length === 2);

  const { campaigns } = await gateway.api(desk.token, '/v1/agents/agent7/campaigns');
  assert.deepEqual(campaigns, [{ id: '300401', name: 'Demo campaign' }]);
  await gateway.process.stop();
  await until('the agent is signed out', async () => (await kinds(provider)).at(-1) === 'tbAgentLogout');
  assert.deepEqual((await provider.state()).breaches, []);
});

staged('hold and transfer go by the platform where it is configured; what it refuses leaves the talk as it was', async (stage) => {
  const provider = await Provider.start(stage);
  const gateway = await Gateway.start(stage, provider.section({ more: 'hold = "platform"\ntransfer = "platform"' }) + AGENT);
  const desk = await Desk.open(stage, gateway, { agent: 'agent7', hz: 700 });
  await until('the agent is ready at the platform', async () => (await provider.received('tbAgentRelease')).length === 1);
  const call = await desk.dial(CUSTOMER);
  await desk.card('connected');
  const { ucid } = await provider.call(CUSTOMER.replace('+91', ''));
  const there = async () => (await provider.state()).calls.find((each) => each.ucid === ucid);
  const act = (what, body = {}) => gateway.api(desk.token, `/v1/calls/${call}/${what}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });

  await act('hold');
  await until('the platform holds', async () => (await there()).held);
  await desk.card('held');
  const resumed = async () => { try { return await act('resume'); } catch { return false; } };
  await until('the platform has answered, and is asked back', resumed);
  await until('the platform gives the customer back', async () => !(await there()).held);
  await hears('the customer', 700, () => provider.heard(ucid));

  await act('transfer', { to: '+919000000042', mode: 'blind' });
  const story = async () => JSON.stringify(await gateway.api(desk.token, `/v1/calls/${call}/explain`));
  await until('the refusal is told', async () => (await story()).includes('black listed'));
  assert.equal((await gateway.api(desk.token, `/v1/calls/${call}`)).state, 'connected');
  await act('transfer', { to: '+919000000011', mode: 'blind' });
  await desk.card('wrap-up');
  const { ended } = await gateway.api(desk.token, `/v1/calls/${call}`);
  assert.deepEqual([ended.by, ended.reason], ['agent', 'transferred']);
  assert.equal((await there()).transferred_to, '9000000011');
  assert.deepEqual((await provider.state()).breaches, []);
});

staged('the webhook fills the call\'s record, under its secret only', async (stage) => {
  const provider = await Provider.start(stage);
  const gateway = await Gateway.start(stage, provider.section({ more: `events_secret = "${SECRET}"` }) + AGENT);
  const desk = await Desk.open(stage, gateway, { agent: 'agent7', hz: 700 });
  await until('the agent is ready at the platform', async () => (await provider.received('tbAgentRelease')).length === 1);
  const call = await desk.dial(CUSTOMER);
  await desk.card('connected');
  const { ucid } = await provider.call(CUSTOMER.replace('+91', ''));
  const tell = (where, headers, body) => fetch(`${gateway.url}/v1/providers/ozonetel/events${where}`, { method: 'POST', headers, body });
  const record = JSON.stringify({ monitorUCID: ucid, CallStatus: 'Answered' });
  assert.equal((await tell('', { 'x-provider-secret': 'wrong' }, record)).status, 401);
  assert.equal((await tell('', {}, record)).status, 401);
  assert.equal((await tell('', { 'x-provider-secret': SECRET }, 'no JSON')).status, 400);
  assert.equal((await tell('', { 'x-provider-secret': SECRET }, record)).status, 204);
  assert.equal((await tell(`/${encodeURIComponent(SECRET)}`, {}, '{"UCID":"99999999999999"}')).status, 204);
  assert.equal((await gateway.api(desk.token, `/v1/calls/${call}`)).state, 'connected', 'the webhook ends nothing');
  await desk.click('end');
  await desk.card('wrap-up');
});
