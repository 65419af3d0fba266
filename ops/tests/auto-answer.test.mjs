// An INVITE on an agent's line may ask to be answered by itself; it is only where the operator says so.
import assert from 'node:assert/strict';
import { Desk } from './peers/desk.mjs';
import { Gateway } from './peers/gateway.mjs';
import { Provider } from './peers/provider.mjs';
import { staged } from './stage.mjs';

const agent = (headers) => `
[[agent]]
id = "agent7"
name = "Asha"
extension = "500607"
agent_id = "agent7"
agent_unique_id = 100207
campaign = "300401"
auto_answer = "outbound"
auto_answer_headers = "${headers}"
`;
const stray = (headers) => ({ extension: '500607', from: '9000000010', headers, answer_within_s: 5 });

staged('headers that ask for an answer are obeyed, after the delay that they name', async (stage) => {
  const provider = await Provider.start(stage);
  const gateway = await Gateway.start(stage, provider.section() + agent('obey'));
  const desk = await Desk.open(stage, gateway, { agent: 'agent7', hz: 700 });
  for (const headers of [{ 'Call-Info': '<sip:cloud.example.com>;answer-after=0' }, { 'Alert-Info': '<http://cloud.example.com>;info=alert-autoanswer;delay=1' }, { 'Answer-Mode': 'Auto' }]) {
    const { status } = await provider.post('/stray', stray(headers));
    assert.equal(status, 200, JSON.stringify(headers));
    await desk.card('connected');
    await desk.click('end');
    await desk.clear();
  }
  await gateway.settled({ legs: 1 });
});

staged('elsewhere such a call rings like any other', async (stage) => {
  const provider = await Provider.start(stage);
  const gateway = await Gateway.start(stage, provider.section() + agent('ignore'));
  const desk = await Desk.open(stage, gateway, { agent: 'agent7', hz: 700 });
  const outcome = provider.post('/stray', stray({ 'Call-Info': '<sip:cloud.example.com>;answer-after=0' }));
  await desk.card('ringing-in');
  assert.notEqual((await outcome).status, 200);
  await gateway.settled({ legs: 1 });
});
