// What breaks in a talk, while it rings, or before anybody calls: microphones, audio paths, lines, pages, limits. Calls end or go on with one true sentence, and leave nothing.
import assert from 'node:assert/strict';
import { Ladder, sdp } from './ladder.mjs';
import { Cable } from './peers/cable.mjs';
import { Desk } from './peers/desk.mjs';
import { Gateway } from './peers/gateway.mjs';
import { Kamailio } from './peers/kamailio.mjs';
import { Refuser } from './peers/refuser.mjs';
import { Sipp } from './peers/sipp.mjs';
import { hears, staged, until } from './stage.mjs';

const CALLED = '+919000000005';
const CUSTOMER = '+919000000002';
const AGENT_HZ = 700;
const CUSTOMER_HZ = 1000;
const REPORTED = { timeout: 30_000 }; // media reports every 5 s, and 10 s of silence are nothing

const trunk = (peer, port, limits = '') => `
[limits]
wrap_up = "1s"
grace = "1s"
${limits}

[[trunk]]
name = "carrier"
listen = "udp:127.0.0.1:${port}"
allow = ["127.0.0.0/8"]
peer = "sip:${peer};transport=udp"
options_interval = "0s"

[[agent]]
id = "agent7"
name = "Asha"
dial_via = "carrier"

[[agent]]
id = "agent8"
name = "Ravi"
dial_via = "carrier"

[[route]]
trunk = "carrier"
called = "${CALLED}"
agent = "agent7"
`;

/** A gateway with a carrier that takes every call and never sends audio. */
async function begin(stage, limits) {
  const carrier = await Refuser.start(stage);
  carrier.answer = { status: 200, phrase: 'OK', sdp: 'mute' };
  const port = await stage.ports.take(1);
  const gateway = await Gateway.start(stage, trunk(carrier.address, port, limits));
  const token = await gateway.token('crm', '--scope', 'calls:read', '--scope', 'calls:write', '--scope', 'admin');
  return { carrier, gateway, token, target: `127.0.0.1:${port}` };
}

const dial = ({ gateway, token }, agent = 'agent7') => gateway.place(token, { agent, to: CUSTOMER });
const explain = ({ gateway, token }, call) => gateway.api(token, `/v1/calls/${call}/explain`);
const light = (desk, ready) => desk.part('ready-light', `[data-ready="${ready}"]`);

/** Dials in vain; the record of the refusal has the cause. */
async function refused(place, { agent, cause, detail }) {
  await assert.rejects(dial(place, agent), detail);
  const newest = await until('the refusal is a record', async () => (await place.gateway.api(place.token, '/v1/calls?limit=1')).calls.find((call) => detail.test(call.ended?.detail)));
  assert.equal((await explain(place, newest.id)).cause.cause, cause);
}

/** Waits for the call's end, as the API and the page tell it. */
async function ends(place, desk, call, { cause, detail }, within = 10_000) {
  const { ended } = await until(`${call} ends`, async () => {
    const view = await place.gateway.api(place.token, `/v1/calls/${call}`);
    return view.ended && view;
  }, { within });
  assert.match(ended.detail, detail);
  const explained = await explain(place, call);
  assert.equal(explained.cause.cause, cause, JSON.stringify(explained.story));
  const shown = desk && await desk.endedDetail();
  if (desk) assert.ok(shown.includes(ended.detail.replace(/\.$/, '')), `the page says ${shown}, and it is ${ended.detail}`);
}

staged('a microphone that sends nothing, and one that sends only silence, make the agent not ready, until they are heard', async (stage) => {
  const place = await begin(stage);
  const desk = await Desk.open(stage, place.gateway, { agent: 'agent7', hz: AGENT_HZ });
  await desk.falls();
  await light(desk, false).waitFor(REPORTED);
  assert.match(await light(desk, false).innerText(), /microphone sends nothing/);
  await refused(place, { cause: 'microphone-sends-nothing', detail: /microphone sends nothing/ });
  await desk.talks();
  await light(desk, true).waitFor(REPORTED);

  const still = await Desk.open(stage, place.gateway, { agent: 'agent8', hz: 0 });
  await light(still, false).waitFor(REPORTED);
  assert.match(await light(still, false).innerText(), /nothing but silence comes/i);
  await refused(place, { agent: 'agent8', cause: 'microphone-silent', detail: /Nothing but silence comes/ });
  await still.plugsIn({ hz: AGENT_HZ });
  await light(still, true).waitFor(REPORTED);
  // An agent who was heard once may be still for as long as calls are.
  await until('the carrier is called', async () => dial(place, 'agent8'));
});

staged('a customer of whom nothing is heard is told of, and the call goes on until somebody ends it', async (stage) => {
  const place = await begin(stage);
  const desk = await Desk.open(stage, place.gateway, { agent: 'agent7', hz: AGENT_HZ });
  const call = await desk.dial(CUSTOMER);
  await desk.card('connected');
  assert.equal((await place.gateway.metrics()).get('warmline_rtp_ports_leased'), 1);
  const banner = desk.part('banner', '[data-kind="no-audio"]');
  await banner.waitFor(REPORTED);
  assert.match(await banner.innerText(), /nothing has come from their side for (9|1\d) s/);
  await until('the story tells it', async () => (await explain(place, call)).story.some((told) => /customer can't be heard/.test(told.what)));
  await desk.card('connected');
  await desk.click('end');
  await ends(place, desk, call, { cause: 'agent-hung-up', detail: /agent hung up/ });
  await place.gateway.settled({ legs: 1 });
});

staged('past the limit of calls a dial is refused with that reason, and a caller with 503; the call that is up goes on', async (stage) => {
  const place = await begin(stage, 'calls = 1');
  const desk = await Desk.open(stage, place.gateway, { agent: 'agent7', hz: AGENT_HZ });
  const call = await desk.dial(CUSTOMER);
  await desk.card('connected');
  await refused(place, { agent: 'agent8', cause: 'overload', detail: /limit of calls is reached/ });
  place.carrier.call(place.target, CALLED);
  await until('the caller is refused', () => place.carrier.heard.some((line) => line.startsWith('SIP/2.0 503')));
  await desk.card('connected');
  await desk.click('end');
  await ends(place, desk, call, { cause: 'agent-hung-up', detail: /agent hung up/ });
  await place.gateway.settled({ legs: 1 });
});

staged('a page that is closed while a call rings there ends it after the grace, and the caller is told', async (stage) => {
  const place = await begin(stage);
  const desk = await Desk.open(stage, place.gateway, { agent: 'agent7', hz: AGENT_HZ });
  const ladder = Ladder.calls().invite(sdp()).perhaps(100, 180).response(200).ack().requested('BYE', { within: 40_000 }).respond(200);
  const customer = await Sipp.plays(stage, ladder, { target: place.target, called: CALLED, hz: CUSTOMER_HZ });
  const call = await desk.card('ringing-in');
  await desk.close();
  // The caller hears that nobody is there, and only then the call is over.
  await ends(place, undefined, call, { cause: 'agent-lost', detail: /closed while the call rang/ }, 40_000);
  await customer.done();
  await place.gateway.settled();
});

staged('an audio path that dies in the talk ends the call with that as its cause, on both ends', async (stage) => {
  const kamailio = await Kamailio.start(stage);
  const gateway = await Gateway.start(stage, kamailio.line({ agent: 'agent7', extension: '500607' }));
  const place = { gateway, token: await gateway.token('crm', '--scope', 'calls:read', '--scope', 'calls:write', '--scope', 'admin') };
  await kamailio.registered('500607');
  const desk = await Desk.open(stage, gateway, { agent: 'agent7', hz: AGENT_HZ });
  // The audio is offered anew, twice, before it is given up.
  const ladder = Ladder.calls().invite(sdp()).perhaps(100, 180).response(200).ack().plays()
    .requested('INVITE', { within: 30_000 }).respond(488).requested('ACK').requested('INVITE', { within: 30_000 }).respond(488).requested('ACK')
    .requested('BYE', { within: 90_000 }).respond(200);
  const customer = await Sipp.plays(stage, ladder, { target: kamailio.trunk, domain: kamailio.domain, called: '500607', hz: CUSTOMER_HZ });
  const call = await desk.card('ringing-in');
  await desk.click('answer');
  await hears('the agent', CUSTOMER_HZ, () => desk.heard());
  kamailio.rtpengine.child.kill('SIGKILL');
  await desk.part('banner', '[data-kind="no-audio"]').waitFor(REPORTED);
  await ends(place, desk, call, { cause: 'ice-failed', detail: /stopped answering ICE/ }, 60_000);
  await customer.done();
  await gateway.settled({ legs: 1, within: 40_000 });
});

staged('a line that is lost in the talk and stays away ends the call with that as its cause; the customer hears of it when the line is back', async (stage) => {
  const kamailio = await Kamailio.start(stage);
  const cable = await Cable.lay(stage, kamailio.wss);
  const gateway = await Gateway.start(stage, kamailio.line({ agent: 'agent7', extension: '500607', registrar: `wss://localhost:${cable.port}/` }));
  const place = { gateway, token: await gateway.token('crm', '--scope', 'calls:read', '--scope', 'calls:write', '--scope', 'admin') };
  await kamailio.registered('500607');
  const desk = await Desk.open(stage, gateway, { agent: 'agent7', hz: AGENT_HZ });
  const ladder = Ladder.calls().invite(sdp()).perhaps(100, 180).response(200).ack().plays().requested('BYE', { within: 90_000 }).respond(200);
  const customer = await Sipp.plays(stage, ladder, { target: kamailio.trunk, domain: kamailio.domain, called: '500607', hz: CUSTOMER_HZ });
  const call = await desk.card('ringing-in');
  await desk.click('answer');
  await hears('the agent', CUSTOMER_HZ, () => desk.heard());
  await cable.unplug();
  await ends(place, desk, call, { cause: 'line-lost', detail: /connection to .* was lost/ }, 60_000);
  await cable.mend();
  await customer.done();
  await gateway.settled({ legs: 1, within: 40_000 });
});
