// The operator takes lines out of service, and puts back what was taken out or given up.
import assert from 'node:assert/strict';
import { Desk } from './peers/desk.mjs';
import { Gateway } from './peers/gateway.mjs';
import { Provider } from './peers/provider.mjs';
import { hears, staged, until } from './stage.mjs';

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

async function stand(stage) {
  const provider = await Provider.start(stage);
  const gateway = await Gateway.start(stage, provider.section() + AGENT);
  const desk = await Desk.open(stage, gateway, { agent: 'agent7', hz: 700 });
  const admin = await gateway.token('floor', '--scope', 'admin');
  const line = async (id) => (await gateway.api(admin, '/v1/lines')).lines.find((each) => each.id === id);
  const order = (id, word) => gateway.api(admin, `/v1/lines/${encodeURIComponent(id)}/${word}`, { method: 'POST' });
  const up = (id) => until(`${id} is up`, async () => (await line(id)).up);
  return { provider, gateway, desk, admin, line, order, up };
}

staged('a SIP line is taken out in a talk, which goes on; the next dial says why it can\'t; put back, it dials', async (stage) => {
  const { provider, gateway, desk, line, order, up } = await stand(stage);
  const id = 'agent7/sip';
  await up(id);
  await desk.dial(CUSTOMER);
  await desk.card('connected');
  const { up: isUp, detail } = await order(id, 'unregister');
  assert.deepEqual([isUp, detail], [false, 'it was taken out of service']);
  await until('the registrar let it go', async () => (await provider.state()).registrations.length === 0);
  await hears('the agent', 440, () => desk.heard());
  await desk.click('end');
  await desk.clear();
  await gateway.settled({ legs: 1 });

  const call = await desk.dial(CUSTOMER);
  const ended = await gateway.ended(desk.token, call);
  assert.equal(ended.ended.detail, 'The agent\'s SIP line is down: it was taken out of service.');
  assert.equal((await gateway.api(desk.token, `/v1/calls/${call}/explain`)).cause.cause, 'line-out-of-service');
  assert.equal(await desk.endedDetail(), ended.ended.detail);
  await desk.clear();

  // The registrar comes back and the line is connected anew, but nobody asked for it.
  await provider.restart();
  await up('agent7/token');
  assert.equal((await line(id)).detail, 'it was taken out of service');
  assert.deepEqual((await provider.state()).registrations, []);

  await order(id, 'register');
  await up(id);
  await desk.part('ready-light', '[data-ready="true"]').waitFor();
  await desk.dial(CUSTOMER);
  await desk.card('connected');
  await desk.click('end');
});

staged('a token socket is signed out and stays so; one that somebody else took over is taken back', async (stage) => {
  const { provider, gateway, desk, line, order, up } = await stand(stage);
  const id = 'agent7/token';
  await up(id);
  await order(id, 'unregister');
  await until('the agent is signed out', async () => (await provider.received('tbAgentLogout')).length === 1);
  assert.equal((await line(id)).detail, 'it was taken out of service');
  const refused = await gateway.ended(desk.token, await desk.dial(CUSTOMER));
  assert.equal(refused.ended.detail, 'The provider\'s token socket is down: it was taken out of service.');
  await desk.clear();
  await order(id, 'register');
  await up(id);

  await provider.post('/push', { agentId: 'agent7', body: { type: 'closeTab', agentId: 'agent7' } });
  await until('it is given up', async () => /took over/.test((await line(id)).detail));
  await order(id, 'register');
  await up(id);
  await until('the platform is told that the agent is ready', async () => (await provider.received()).at(-1).type === 'tbAgentRelease');
  await desk.dial(CUSTOMER);
  await desk.card('connected');
  await desk.click('end');
  assert.deepEqual((await provider.state()).breaches, []);
});

staged('there is no such line, and not everybody may', async (stage) => {
  const { gateway, desk, order } = await stand(stage);
  await assert.rejects(order('agent8/sip', 'unregister'), /404/);
  await assert.rejects(order('agent7', 'register'), /404/);
  await assert.rejects(gateway.api(desk.token, '/v1/lines/agent7%2Fsip/unregister', { method: 'POST' }), /403/);
});

staged('a supervisor\'s back end sets an agent\'s status, and the desk shows it', async (stage) => {
  const { provider, gateway, desk } = await stand(stage);
  const back = await gateway.token('crm', '--scope', 'calls:write');
  const set = (agent, body) => gateway.api(back, `/v1/agents/${agent}/status`, { method: 'PUT', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
  const { status, ready, not_ready_because } = await set('agent7', { name: 'break', reason: 'Training' });
  assert.deepEqual([status.name, status.reason, ready, not_ready_because], ['break', 'Training', false, 'The agent\'s status is break.']);
  await desk.part('ready-light', '[data-ready="false"]').waitFor();
  await until('the platform is told', async () => (await provider.received('tbAgentPause')).some(({ params }) => params === 'Training,manual'));
  await set('agent7', { name: 'available' });
  await desk.part('ready-light', '[data-ready="true"]').waitFor();
  await assert.rejects(set('agent7', { name: 'asleep' }), /400.*There is no status \\?"asleep\\?"; there are available/);
  await assert.rejects(set('agent9', { name: 'break' }), /404/);
});
