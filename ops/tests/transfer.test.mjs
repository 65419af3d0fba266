// A call over a trunk is given to somebody else: at once or after a word with them, by number or by a trunk's SIP URI; and given back where that fails.
import assert from 'node:assert/strict';
import { Ladder, sdp } from './ladder.mjs';
import { Agents } from './peers/agents.mjs';
import { Desk } from './peers/desk.mjs';
import { Gateway } from './peers/gateway.mjs';
import { Sipp } from './peers/sipp.mjs';
import { isTone } from './audio.mjs';
import { hearsPrompt } from './prompts.mjs';
import { hears, staged, until } from './stage.mjs';

const CALLED = '+919000000001';
const COLLEAGUE = '+919000000002';
const AGENT_HZ = 700;
const CUSTOMER_HZ = 1000;
const TARGET_HZ = 1400;
const MEERA_HZ = 500;
const PATIENT = { within: 30_000 };

const post = (body) => ({ method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json' } });
const rings = () => Ladder.answers().invited().respondToInvite(180).reached('rings');
const answers = ({ when = 'soon' } = {}) => (when === 'told' ? rings().waits() : rings().pauses(300)).respondToInvite(200, sdp()).requested('ACK').plays().reached('talk');

const floor = (port, ports) => `
[limits]
wrap_up = "1s"

[[trunk]]
name = "carrier"
listen = "udp:127.0.0.1:${port}"
peer = "sip:127.0.0.1:${ports.port};transport=udp"
allow = ["127.0.0.0/8"]
options_interval = "0s"

[[agent]]
id = "agent7"
name = "Asha"

[[agent]]
id = "agent8"
name = "Meera"

[[route]]
trunk = "carrier"
called = "${CALLED}"
agent = "agent7"
`;

/** A customer who called in and talks to the agent, and somebody else at the end of the trunk. */
async function begin(stage, target) {
  const port = await stage.ports.take(1);
  const ports = await Sipp.ports(stage);
  const gateway = await Gateway.start(stage, floor(port, ports));
  const colleague = await Sipp.plays(stage, target, { ports, hz: TARGET_HZ });
  const desk = await Desk.open(stage, gateway, { agent: 'agent7', hz: AGENT_HZ });
  const customer = await Sipp.calls(stage, { target: `127.0.0.1:${port}`, called: CALLED, hz: CUSTOMER_HZ });
  const id = await desk.card('ringing-in');
  await desk.click('answer');
  await desk.card('connected');
  await hears('the customer', AGENT_HZ, () => customer.heard(), PATIENT);
  const call = () => gateway.api(desk.token, `/v1/calls/${id}`);
  const act = (what, body = {}) => gateway.api(desk.token, `/v1/calls/${id}/${what}`, post(body));
  const told = async (words) => until(`the story tells of ${words}`, async () => (await gateway.api(desk.token, `/v1/calls/${id}/explain`)).story.some(({ what }) => words.test(what)));
  return { gateway, desk, customer, colleague, call, act, told, ports };
}

/** Customer and colleague hear each other, and the agent hears neither. */
async function alone({ desk, customer, colleague }) {
  colleague.capture.forget();
  customer.capture.forget();
  await hears('the customer', TARGET_HZ, () => customer.heard(), PATIENT);
  await hears('the colleague', CUSTOMER_HZ, () => colleague.heard(), PATIENT);
  const left = async () => [await desk.heard()].every((heard) => !isTone(heard, TARGET_HZ) && !isTone(heard, CUSTOMER_HZ));
  await until('the agent hears neither', left, PATIENT);
}

staged('blind, to a number: music, then the customer and the other side alone; the customer\'s BYE ends both', async (stage) => {
  const place = await begin(stage, answers({ when: 'told' }).requested('BYE').respond(200));
  const { gateway, desk, customer, colleague, call, act } = place;
  const { linked } = await act('transfer', { to: COLLEAGUE, mode: 'blind' });
  assert.match(linked, /^c_/);
  await colleague.reached('rings');
  await hearsPrompt('the customer', 'hold', customer, PATIENT);
  await colleague.goOn();
  await alone(place);
  const { ended } = await call();
  assert.deepEqual({ by: ended.by, reason: ended.reason }, { by: 'agent', reason: 'transferred' });
  assert.equal((await gateway.api(desk.token, `/v1/calls/${linked}`)).ended.reason, 'transferred');
  await customer.hangUp();
  await customer.done();
  await colleague.done();
  await gateway.settled({ legs: 1, within: 30_000 });
});

staged('consult, to a SIP URI of a trunk: agent and other side talk while the customer waits; complete joins the two; the other side\'s BYE ends both', async (stage) => {
  const place = await begin(stage, answers().waits().request('BYE').response(200));
  const { gateway, desk, customer, colleague, call, act, ports } = place;
  await act('transfer', { to: `sip:support@127.0.0.1:${ports.port}`, mode: 'consult' });
  await colleague.reached('talk');
  assert.match(await colleague.ladder(), /INVITE sip:support@127\.0\.0\.1/);
  await hears('the agent', TARGET_HZ, () => desk.heard(), PATIENT);
  await hears('the colleague', AGENT_HZ, () => colleague.heard(), PATIENT);
  await hearsPrompt('the customer', 'hold', customer, PATIENT);
  assert.equal((await call()).state, 'held');
  await act('complete');
  await alone(place);
  assert.equal((await call()).ended.reason, 'transferred');
  await colleague.goOn();
  await colleague.done();
  await customer.done();
  await gateway.settled({ legs: 1, within: 30_000 });
});

staged('whoever is busy gives the customer back to the agent, who is told', async (stage) => {
  const { gateway, desk, customer, colleague, call, act, told } = await begin(stage, Ladder.answers().invited().respondToInvite(486).requested('ACK'));
  await act('transfer', { to: COLLEAGUE, mode: 'blind' });
  await colleague.done();
  await told(/The transfer did not come about: The customer is busy/);
  assert.equal((await call()).state, 'connected');
  customer.capture.forget();
  await hears('the customer', AGENT_HZ, () => customer.heard(), PATIENT);
  await hears('the agent', CUSTOMER_HZ, () => desk.heard(), PATIENT);
  await customer.hangUp();
  await customer.done();
  await gateway.settled({ legs: 1, within: 30_000 });
});

staged('an other side who hangs up in the consultation gives the customer back', async (stage) => {
  const { gateway, desk, customer, colleague, act, told } = await begin(stage, answers().waits().request('BYE').response(200));
  await act('transfer', { to: COLLEAGUE, mode: 'consult' });
  await colleague.reached('talk');
  await hears('the agent', TARGET_HZ, () => desk.heard(), PATIENT);
  await colleague.goOn();
  await colleague.done();
  await told(/The transfer did not come about: The customer hung up/);
  await hears('the agent', CUSTOMER_HZ, () => desk.heard(), PATIENT);
  await assert.rejects(act('complete'), /409/);
  await customer.hangUp();
  await customer.done();
  await gateway.settled({ legs: 1, within: 30_000 });
});

staged('a customer who hangs up while the other side rings takes the ringing with it', async (stage) => {
  const { gateway, customer, colleague, act } = await begin(stage, rings()
    .requested('CANCEL').respond(200).respondToInvite(487).requested('ACK'));
  await act('transfer', { to: COLLEAGUE, mode: 'blind' });
  await colleague.reached('rings');
  await customer.hangUp();
  await customer.done();
  await colleague.done();
  await gateway.settled({ legs: 1, within: 30_000 });
});

staged('blind, to another agent: it rings there, and moves with the answer; the first one\'s card says who has it', async (stage) => {
  const { gateway, desk, customer, act } = await begin(stage, answers());
  const meera = await Desk.open(stage, gateway, { agent: 'agent8', hz: MEERA_HZ });
  await act('transfer', { to: 'agent:agent8', mode: 'blind' });
  const id = await meera.card('ringing-in');
  await hearsPrompt('the customer', 'hold', customer, PATIENT);
  await meera.click('answer');
  await meera.card('connected');
  await hears('the customer', MEERA_HZ, () => customer.heard(), PATIENT);
  await hears('Meera', CUSTOMER_HZ, () => meera.heard(), PATIENT);
  await desk.card('closed');
  assert.equal(await desk.endedDetail(), 'Meera took the call over.');
  assert.equal((await gateway.api(meera.token, `/v1/calls/${id}`)).agent, 'agent8');
  await assert.rejects(act('hold'), /404/, 'it is Asha\'s no more');
  await customer.hangUp();
  await customer.done();
  await meera.card('wrap-up');
  await gateway.settled({ legs: 2, within: 30_000 });
});

/** Meera is asked, and talks to Asha while the customer waits. */
async function consulted(stage, { gateway, desk, customer, call, act }) {
  const meera = await Desk.open(stage, gateway, { agent: 'agent8', hz: MEERA_HZ });
  const { id: asked } = await call();
  const { linked } = await act('transfer', { to: 'agent:agent8', mode: 'consult' });
  assert.equal(await meera.card('ringing-in'), linked);
  const shown = await gateway.api(desk.token, `/v1/calls/${linked}`);
  assert.deepEqual([shown.peer, shown.linked, shown.state], [{ number: 'agent:agent8', name: 'Meera' }, asked, 'ringing-out']);
  await hearsPrompt('the customer', 'hold', customer, PATIENT);
  await meera.click('answer');
  await meera.card('connected');
  await hears('Meera', AGENT_HZ, () => meera.heard(), PATIENT);
  await hears('Asha', MEERA_HZ, () => desk.heard(), PATIENT);
  assert.equal((await call()).state, 'held');
  return { meera, linked };
}

staged('consult, to another agent: the two talk while the customer waits; complete moves the customer to the other desk', async (stage) => {
  const place = await begin(stage, answers());
  const { gateway, desk, customer, act } = place;
  const { meera, linked } = await consulted(stage, place);
  customer.capture.forget();
  await hearsPrompt('the customer', 'hold', customer, PATIENT);
  const { id } = await act('complete');
  await hears('the customer', MEERA_HZ, () => customer.heard(), PATIENT);
  await hears('Meera', CUSTOMER_HZ, () => meera.heard(), PATIENT);
  await until('Asha hears neither', async () => [await desk.heard()].every((heard) => !isTone(heard, MEERA_HZ) && !isTone(heard, CUSTOMER_HZ)), PATIENT);
  assert.equal((await gateway.api(meera.token, `/v1/calls/${id}`)).agent, 'agent8');
  assert.equal((await gateway.api(desk.token, `/v1/calls/${linked}`)).ended.reason, 'transferred');
  await customer.hangUp();
  await customer.done();
  await meera.card('wrap-up');
  await gateway.settled({ legs: 2, within: 30_000 });
});

staged('a consulted agent who hangs up gives the customer back; one who declines does, too', async (stage) => {
  const place = await begin(stage, answers());
  const { gateway, desk, customer, call, act, told } = place;
  const { meera } = await consulted(stage, place);
  await meera.click('end');
  await told(/The transfer did not come about: Meera hung up/);
  customer.capture.forget();
  await hears('the customer', AGENT_HZ, () => customer.heard(), PATIENT);
  await hears('Asha', CUSTOMER_HZ, () => desk.heard(), PATIENT);
  await meera.card('closed');
  await act('transfer', { to: 'agent:agent8', mode: 'consult' });
  await meera.card('ringing-in');
  await meera.click('decline');
  await told(/The transfer did not come about: Meera declined/);
  assert.equal((await call()).state, 'connected');
  await customer.hangUp();
  await customer.done();
  await gateway.settled({ legs: 2, within: 30_000 });
});

staged('a consulted agent whose page is loaded anew talks on; the customer who hangs up leaves the two talking', async (stage) => {
  const place = await begin(stage, answers());
  const { gateway, desk, customer, call } = place;
  const { meera, linked } = await consulted(stage, place);
  await meera.reload();
  assert.equal(await meera.card('connected'), linked);
  await hears('Asha', MEERA_HZ, () => desk.heard(), PATIENT);
  await customer.hangUp();
  await customer.done();
  await until('the customer\'s call is over', async () => (await call()).ended?.reason === 'hangup', PATIENT);
  await hears('Meera', AGENT_HZ, () => meera.heard(), PATIENT);
  await gateway.api(desk.token, `/v1/calls/${linked}/hangup`, { method: 'POST' });
  await meera.card('closed');
  await gateway.settled({ legs: 2, within: 30_000 });
});

staged('another agent who declines gives the customer back; one who isn\'t there isn\'t asked', async (stage) => {
  const { gateway, desk, customer, call, act, told } = await begin(stage, answers());
  await assert.rejects(act('transfer', { to: 'agent:agent8', mode: 'blind' }), /409.*Meera can't take a call now/);
  await assert.rejects(act('transfer', { to: 'agent:nobody', mode: 'blind' }), /422/);
  const meera = await Desk.open(stage, gateway, { agent: 'agent8', hz: MEERA_HZ });
  await act('transfer', { to: 'agent:agent8', mode: 'blind' });
  await meera.card('ringing-in');
  await meera.click('decline');
  await told(/Meera declined it/);
  assert.equal((await call()).state, 'connected');
  customer.capture.forget();
  await hears('the customer', AGENT_HZ, () => customer.heard(), PATIENT);
  await hears('the agent', CUSTOMER_HZ, () => desk.heard(), PATIENT);
  await customer.hangUp();
  await customer.done();
  await gateway.settled({ legs: 2, within: 30_000 });
});

staged('whom no trunk leads to can\'t be transferred to, and the talk goes on', async (stage) => {
  const { customer, call, act, desk } = await begin(stage, answers());
  await assert.rejects(act('transfer', { to: 'sip:support@198.51.100.9', mode: 'blind' }), /422.*No trunk leads to 198\.51\.100\.9/);
  await assert.rejects(act('transfer', { to: 'sip:a b@127.0.0.1', mode: 'blind' }), /422/);
  await assert.rejects(act('transfer', { to: 'somebody', mode: 'blind' }), /422/);
  await assert.rejects(act('complete'), /409/);
  assert.equal((await call()).state, 'connected');
  await hears('the agent', CUSTOMER_HZ, () => desk.heard(), PATIENT);
  await customer.hangUp();
  await customer.done();
});

staged('two who went on without the agent and both fell silent are hung up on after a minute', async (stage) => {
  const LATER = { within: 120_000 };
  const port = await stage.ports.take(1);
  const ports = await Sipp.ports(stage);
  const gateway = await Gateway.start(stage, floor(port, ports));
  const { tokens } = await Agents.signIn(stage, gateway, ['agent7']);
  const api = (path, options) => gateway.api(tokens.get('agent7'), path, options);
  const colleague = await Sipp.plays(stage, rings().respondToInvite(200, sdp()).requested('ACK').requested('BYE', LATER).respond(200), { ports, hz: TARGET_HZ });
  const customer = await Sipp.plays(stage, Ladder.calls().invite(sdp()).perhaps(100, 180).response(200).ack().requested('BYE', LATER).respond(200), { target: `127.0.0.1:${port}`, called: CALLED, hz: CUSTOMER_HZ });
  const rang = async (state) => (await api('/v1/calls')).calls.find((call) => call.state === state);
  const { id } = await until('it rings', () => rang('ringing-in'), PATIENT);
  await api(`/v1/calls/${id}/answer`, { method: 'POST' });
  await until('they talk', () => rang('connected'), PATIENT);
  await api(`/v1/calls/${id}/transfer`, post({ to: COLLEAGUE, mode: 'blind' }));
  await until('the agent is out of it', async () => (await api(`/v1/calls/${id}`)).ended?.reason === 'transferred', PATIENT);
  for (const side of [customer, colleague]) assert.equal((await side.process.exit(LATER)).code, 0);
  const { story } = await api(`/v1/calls/${id}/explain`);
  assert.match(story.at(-1).what, /^Nothing has come from either side for \d+ s; the talk without an agent was ended\.$/);
  await gateway.settled({ legs: 1, within: 30_000 });
});
