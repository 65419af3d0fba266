// What was expected and didn't come, and what came and wasn't expected.
import assert from 'node:assert/strict';
import { Desk } from './peers/desk.mjs';
import { Gateway } from './peers/gateway.mjs';
import { Provider } from './peers/provider.mjs';
import { staged } from './stage.mjs';

const AGENT = `
[[agent]]
id = "agent7"
name = "Asha"
extension = "500607"
agent_id = "agent7"
agent_unique_id = 100207
campaign = "300401"
auto_answer = "outbound"
`;
const NEVER_INVITED = '+919000000040';
const IN_WORDS = /no INVITE/i;

async function connected(stage) {
  const provider = await Provider.start(stage);
  const gateway = await Gateway.start(stage, provider.section({ more: 'invite_window = "3s"' }) + AGENT);
  const desk = await Desk.open(stage, gateway, { agent: 'agent7', hz: 700 });
  return { provider, gateway, desk };
}

staged('an INVITE that no dial caused rings, is never answered on its own, and goes when the caller gives up', async (stage) => {
  const { provider, gateway, desk } = await connected(stage);
  await desk.watch();
  const stray = provider.post('/stray', { extension: '500607', from: '+919000000099', answer_within_s: 4 });
  const call = await desk.card('ringing-in');
  await desk.part('answer').waitFor();
  await desk.part('decline').waitFor();
  const { status } = await stray;
  assert.equal(status, 487, 'the provider gave up ringing and cancelled');
  await desk.part('answer').waitFor({ state: 'detached' });
  const { states } = await desk.seen();
  assert.ok(!states.includes('connected'), `it never talked: ${states}`);
  const view = await gateway.api(desk.token, `/v1/calls/${call}`);
  assert.equal(view.answered_at, undefined);
  assert.ok(view.ended, 'the call is over');
});

staged('a dial whose INVITE never comes ends after its window and says why: API, page and log', async (stage) => {
  const { gateway, desk } = await connected(stage);
  const call = await desk.dial(NEVER_INVITED);
  await desk.part('ended-detail').waitFor();
  assert.match(await desk.endedDetail(), IN_WORDS);
  const view = await gateway.api(desk.token, `/v1/calls/${call}`);
  assert.match(view.ended.detail, IN_WORDS);
  const story = await gateway.api(desk.token, `/v1/calls/${call}/explain`);
  assert.match(JSON.stringify(story), IN_WORDS);
  await gateway.process.line(IN_WORDS);
});
