// A dial that the token socket doesn't bring goes by the platform's public API, where that is configured: once, and with one sentence if both fail.
import assert from 'node:assert/strict';
import { Desk } from './peers/desk.mjs';
import { Gateway } from './peers/gateway.mjs';
import { Provider } from './peers/provider.mjs';
import { hears, staged, until } from './stage.mjs';

const KEY = 'the key of the stage';
const TALKS = '+919000000010';
const AGENT = `
[limits]
wrap_up = "1s"

[[agent]]
id = "agent7"
name = "Asha"
extension = "500607"
agent_id = "agent7"
agent_unique_id = 100207
campaign = "300401"
campaign_name = "Demo campaign"
login_password = "let me in"
auto_answer = "outbound"
`;

const national = (number) => number.replace('+91', '');

async function stand(stage, more, options = []) {
  const provider = await Provider.start(stage, ['--api-key', KEY, ...options]);
  const api = `
dial = "socket-then-api"
api_url = "${provider.addresses.control_url}/ca_apis/AgentManualDial"
invite_window = "5s"
`;
  const gateway = await Gateway.start(stage, provider.section({ more: api + more(provider) }) + AGENT);
  const desk = await Desk.open(stage, gateway, { agent: 'agent7', hz: 700 });
  const faulty = (number, fault) => provider.post('/customers', { number: national(number), does: 'fault', fault });
  const back = await gateway.token('crm', '--scope', 'calls:read', '--scope', 'calls:write');
  const end = async (call) => {
    const { ended } = await gateway.ended(back, call);
    return { ...ended, cause: (await gateway.api(back, `/v1/calls/${call}/explain`)).cause.cause };
  };
  return { provider, gateway, desk, faulty, end };
}

staged('what the token socket refuses or can\'t bring, the public API places once; what both refuse ends with one sentence', async (stage) => {
  const { provider, gateway, desk, faulty, end } = await stand(stage, () => `api_key = "${KEY}"\n`);

  // Refused in words: the same call comes by the other way.
  await faulty(TALKS, 'dial_refused');
  const refused = await desk.dial(TALKS);
  await desk.card('connected');
  await hears('the agent', 480, () => desk.heard()).catch(() => undefined); // a fault's customer greets in words
  const [only, ...more] = (await provider.state()).calls.filter((call) => call.number === national(TALKS));
  assert.equal(more.length, 0, 'the customer was called once');
  assert.equal(only.state, 'talking');
  assert.equal((await provider.state()).api_dials.length, 1);
  assert.deepEqual((await provider.state()).api_dials[0], { userName: 'acme_clinic', agentID: 'agent7', campaignName: 'Demo campaign', customerNumber: national(TALKS), UCID: 'true' });
  await desk.click('end');
  assert.equal((await end(refused)).reason, 'hangup');
  await desk.clear();

  // Both refuse.
  await faulty(TALKS, 'refused_everywhere');
  const both = await end(await desk.dial(TALKS));
  assert.equal(both.reason, 'dial-refused');
  assert.equal(both.detail, 'The platform refused the dial (There is an issue in Dialing, Please Re-Login and try), and its public API refused it, too: Agent is not available.');
  assert.equal(await desk.endedDetail(), both.detail, 'the page shows the same');
  await desk.clear();

  // Black lists are not to be walked around, and a dial whose reply is lost isn't repeated.
  const before = (await provider.state()).api_dials.length;
  const listed = await end(await desk.dial('+919000000042'));
  assert.equal(listed.cause, 'number-blacklisted');
  await desk.clear();
  await faulty(TALKS, 'reply_never');
  await desk.dial(TALKS);
  await until('the customer talks', async () => (await provider.state()).calls.some((call) => call.number === national(TALKS) && call.state === 'talking'));
  assert.equal((await provider.state()).api_dials.length, before, 'the public API was not asked again');
  await desk.click('end');
  await desk.clear();

  // The socket is down and stays away: the call is placed all the same.
  await provider.post('/customers', { number: national(TALKS), does: 'answer', voice: { tone: { hz: 600 } }, after_ms: 300 });
  await provider.post('/token-door', { open: false });
  await gateway.process.line(/token socket is not up/);
  await desk.dial(TALKS);
  await hears('the agent', 600, () => desk.heard());
  await desk.click('end');
  await desk.clear();
  await gateway.settled({ legs: 1, within: 30_000 });
});

staged('a wrong key and an unreachable API are told, and the login page lets the socket in', async (stage) => {
  const login = (provider) => `
api_key = "wrong"
login_url = "${provider.addresses.control_url}/login"

[ozonetel.commands.login]
username = "{agent_id}"
password = "{login_password}"
`;
  const { gateway, desk, faulty, end } = await stand(stage, login, ['--login-password', 'let me in']);
  await faulty(TALKS, 'dial_refused');
  const wrong = await end(await desk.dial(TALKS));
  assert.match(wrong.detail, /, and its public API refused it, too: Invalid API key\.$/);
  assert.equal(await desk.endedDetail(), wrong.detail);
  await desk.clear();
  await gateway.settled({ legs: 1 });
});

staged('a dial whose end nobody pushes is asked for', async (stage) => {
  const { provider, desk, faulty, end } = await stand(stage, () => '');
  await faulty(TALKS, 'no_drop_call');
  const busy = await end(await desk.dial(TALKS));
  assert.equal(busy.cause, 'customer-busy');
  assert.equal(await desk.endedDetail(), 'The customer is busy.');
  assert.equal((await provider.received('tbCheckManualDialStatus')).length, 1);
});
