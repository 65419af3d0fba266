// A call dialled at the desk, through the provider's two connections, to its customer and back.
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
auto_answer = "outbound"
`;
const AGENT_HZ = 700;
const CUSTOMER = '+919000000010'; // plays 440 Hz
const AS_THE_PLATFORM_DIALS = '9000000010'; // national, as the account's own toolbar sends it
const CUSTOMER_HZ = 440;

async function connected(stage) {
  const provider = await Provider.start(stage);
  const gateway = await Gateway.start(stage, provider.section() + AGENT);
  const desk = await Desk.open(stage, gateway, { agent: 'agent7', hz: AGENT_HZ });
  return { provider, gateway, desk };
}

async function talk({ provider, desk }) {
  const call = await desk.dial(CUSTOMER);
  await desk.card('connected');
  const { ucid } = await provider.call(AS_THE_PLATFORM_DIALS);
  await hears('the customer', AGENT_HZ, () => provider.heard(ucid));
  await hears('the agent', CUSTOMER_HZ, () => desk.heard());
  return { call, ucid };
}

staged('a dial becomes the provider\'s command, an INVITE over WSS, and a call that both hear', async (stage) => {
  const play = await connected(stage);
  const { provider, gateway, desk } = play;
  await desk.watch();
  const { call, ucid } = await talk(play);
  assert.equal(await gateway.activeCalls(), 1);

  const [dial, ...others] = await provider.received('tbManualDial');
  assert.deepEqual(others, [], 'one dial is one command');
  const [{ utid }] = (await provider.received()).slice(-1);
  const { usId, browserSessionId } = dial;
  assert.deepEqual(dial, {
    type: 'tbManualDial',
    ns: 'ozonetel.cloudagent',
    customer: 'acme_clinic',
    agentId: 'agent7',
    agentUniqId: 100207,
    browserSessionId,
    usId,
    isSip: 'true',
    mode: 'manual',
    params: `300401,${AS_THE_PLATFORM_DIALS},500607,SIP:true`,
    utid: dial.utid,
  });
  assert.match(browserSessionId, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  assert.equal(typeof usId, 'string');
  assert.ok(usId.length > 0, 'the platform knows the socket by its usId');
  assert.ok(Number.isInteger(dial.utid) && dial.utid >= 1 && dial.utid <= utid, 'utid counts up from 1');

  await provider.post(`/calls/${ucid}/hangup`);
  await desk.card('wrap-up');
  assert.match(await desk.endedDetail(), /customer/i);
  const { states, answerable } = await desk.seen();
  assert.deepEqual(answerable, [], 'Answer and Decline never stand on a dialled call');
  assert.deepEqual(states, ['ringing-out', 'connected', 'wrap-up']);
  assert.equal(await provider.ended(ucid), 'customer_hung_up');
  assert.deepEqual((await provider.state()).breaches, [], 'the token socket keeps the platform\'s rules');
  const view = await gateway.api(desk.token, `/v1/calls/${call}`);
  assert.equal(view.ended.by, 'customer');
  await until('no call is left in the gateway', async () => (await gateway.activeCalls()) === 0);
});

staged('the agent hangs up and the provider\'s leg ends; the next call works', async (stage) => {
  const play = await connected(stage);
  const { provider, desk } = play;
  for (const turn of ['first', 'second']) {
    const { ucid } = await talk(play);
    await desk.click('end');
    await desk.card('wrap-up');
    assert.equal(await provider.ended(ucid), 'agent_hung_up', `the ${turn} call`);
    await desk.click('done');
    await desk.cardGone();
  }
});

staged('digits pressed at the desk arrive at the customer, in order, and the talk goes on', async (stage) => {
  const play = await connected(stage);
  const { provider, desk } = play;
  const { ucid } = await talk(play);
  await desk.keys('1590#*');
  await until('the customer hears the digits', async () => (await provider.digits(ucid)) === '1590#*');
  await hears('the customer', AGENT_HZ, () => provider.heard(ucid));
  await desk.click('end');
  await desk.card('wrap-up');
});
