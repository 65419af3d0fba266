// Digits towards a far end that takes no telephone-event: by INFO, one after the other; and what the agent is told where that isn't taken either.
import assert from 'node:assert/strict';
import { Ladder, sdp } from './ladder.mjs';
import { Agents } from './peers/agents.mjs';
import { Gateway } from './peers/gateway.mjs';
import { Sipp } from './peers/sipp.mjs';
import { staged, until } from './stage.mjs';

const CUSTOMER = '+919000000001';
const PATIENT = { within: 30_000 };

/** A description without telephone-event. */
function deaf() {
  const { type, text } = sdp();
  return { type, text: text.replace('RTP/AVP 0 101', 'RTP/AVP 0').replace(/a=rtpmap:101[^\n]*\n/, '').replace(/a=fmtp:101[^\n]*\n/, '') };
}

const answered = (body = deaf()) => Ladder.answers().invited().respondToInvite(200, body).requested('ACK').plays().reached('talk');
const relay = (signal) => ({ has: [`Content-Type: application/dtmf-relay`, `Signal=${signal}.*Duration=160`] });

/** An agent who talks to a customer at the end of a trunk that goes by the ladder. */
async function begin(stage, ladder, more = '') {
  const port = await stage.ports.take(1);
  const ports = await Sipp.ports(stage);
  const gateway = await Gateway.start(stage, `
[[trunk]]
name = "carrier"
listen = "udp:127.0.0.1:${port}"
peer = "sip:127.0.0.1:${ports.port};transport=udp"
allow = ["127.0.0.0/8"]
options_interval = "0s"
${more}

[[agent]]
id = "agent7"
dial_via = "carrier"
`);
  const customer = await Sipp.plays(stage, ladder, { ports, hz: 1000 });
  const { tokens } = await Agents.signIn(stage, gateway, ['agent7']);
  const token = tokens.get('agent7');
  const { id } = await until('the agent may dial', () => gateway.place(token, { agent: 'agent7', to: CUSTOMER }).catch(() => false), PATIENT);
  await customer.reached('talk');
  const view = () => gateway.api(token, `/v1/calls/${id}`);
  await until('they talk', async () => (await view()).state === 'connected', PATIENT);
  const post = (what, body) => gateway.api(token, `/v1/calls/${id}/${what}`, { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json' } });
  const told = (words) => until(`the story tells ${words}`, async () => (await gateway.api(token, `/v1/calls/${id}/explain`)).story.some(({ what }) => words.test(what)), PATIENT);
  const end = async () => {
    await post('hangup', {});
    await customer.done();
  };
  return { customer, view, dials: (tones) => post('digits', { tones }), told, end };
}

staged('digits go by INFO, the next one after the answer to the one before, and a comma is a pause', async (stage) => {
  const ladder = answered().requested('INFO', relay('1')).pauses(300).respond(200)
    .requested('INFO', relay('[*]')).respond(200).requested('INFO', relay('9')).respond(200).reached('all').requested('BYE').respond(200);
  const { customer, dials, told, end } = await begin(stage, ladder);
  await dials('1*,9');
  await told(/Digits go to the other side by INFO/);
  await customer.reached('all');
  const infos = await customer.messagesLike('received', /^INFO /m);
  assert.equal(infos.length, 3, 'none was repeated or sent ahead');
  await end();
});

staged('a far end that knows only application/dtmf gets that', async (stage) => {
  const ladder = answered().requested('INFO', relay('5')).respond(415).requested('INFO', { has: ['Content-Type: application/dtmf[^-]'] }).respond(200)
    .reached('all').requested('BYE').respond(200);
  const { customer, dials, end } = await begin(stage, ladder);
  await dials('5');
  await customer.reached('all');
  await end();
});

staged('a far end that takes neither costs the digits alone: the story says how many were taken, and the talk goes on', async (stage) => {
  const ladder = answered().requested('INFO', relay('1')).respond(200).requested('INFO', relay('2')).respond(501).reached('refused')
    .requested('INFO', relay('7')).respond(200).reached('all').requested('BYE').respond(200);
  const { customer, view, dials, told, end } = await begin(stage, ladder);
  await dials('1234');
  await told(/^1 of 4 digits reached the other side: it refused them by INFO \(status 501\)\.$/);
  assert.equal((await view()).state, 'connected');
  await dials('7');
  await customer.reached('all');
  await end();
});

staged('a trunk configured so gets its digits by INFO though it agreed to telephone-event', async (stage) => {
  const ladder = answered(sdp()).requested('INFO', relay('0')).respond(200).reached('all').requested('BYE').respond(200);
  const { customer, dials, end } = await begin(stage, ladder, 'digits = "info"');
  await dials('0');
  await customer.reached('all');
  await end();
});
