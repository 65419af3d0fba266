// What goes wrong, one after the other: how the call ends, what the agent reads, and that nothing of it is left.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import WebSocket from 'ws';
import { Desk } from './peers/desk.mjs';
import { Gateway } from './peers/gateway.mjs';
import { Provider } from './peers/provider.mjs';
import { Refuser } from './peers/refuser.mjs';
import { staged, until } from './stage.mjs';

const AGENT = (more = '') => `
[limits]
wrap_up = "1s"
grace = "1s"

[[agent]]
id = "agent7"
name = "Asha"
extension = "500607"
agent_id = "agent7"
agent_unique_id = 100207
campaign = "300401"
auto_answer = "outbound"
${more}
`;
const WINDOW = 'invite_window = "3s"';
const RINGS = '+919000000031';
const TALKS = '+919000000010';

const post = (body) => ({ method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json' } });
const national = (number) => number.replace('+91', '');

/** A back end that dials and asks why. */
class BackEnd {
  static async of(gateway) {
    return new BackEnd(gateway, await gateway.token('crm', '--scope', 'calls:read', '--scope', 'calls:write', '--scope', 'admin'));
  }

  constructor(gateway, token) {
    Object.assign(this, { gateway, token });
  }

  api(where, options) {
    return this.gateway.api(this.token, where, options);
  }

  /** How a call ended: its view's `ended`, and the cause that `explain` tells. */
  async end(call) {
    const { ended } = await this.gateway.ended(this.token, call);
    const { cause, story } = await this.api(`/v1/calls/${call}/explain`);
    assert.ok(story.some((told) => told.what.includes(ended.detail)), `the story tells it: ${JSON.stringify(story)}`);
    return { ...ended, cause: cause.cause };
  }

  /** Dials, is refused, and reads why in the record that the refusal leaves. */
  async refused(to, cause, detail, more = {}) {
    const before = (await this.api('/v1/calls?limit=1')).calls[0]?.id;
    const error = await this.api('/v1/calls', post({ agent: 'agent7', to, ...more })).then(() => assert.fail(`${to} was dialled`), (refusal) => refusal);
    assert.match(error.message, detail);
    const record = await until('the refused dial is a record', async () => {
      const [newest] = (await this.api('/v1/calls?limit=1')).calls;
      return newest?.id !== before && newest;
    });
    assert.match(record.ended.detail, detail);
    const end = await this.end(record.id);
    assert.ok([cause].flat().includes(end.cause), `${cause} was expected: ${JSON.stringify(end)}`);
  }
}

/** Dials at the desk and compares the page, the API and the record. */
async function fails(desk, backEnd, number, { cause, reason, detail }, meanwhile = async () => {}) {
  const call = await desk.dial(number);
  await meanwhile(call);
  const end = await backEnd.end(call);
  assert.ok([cause].flat().includes(end.cause), `${number}: ${cause} was expected: ${JSON.stringify(end)}`);
  if (reason) assert.equal(end.reason, reason, JSON.stringify(end));
  assert.match(end.detail, detail);
  const shown = await desk.page.locator(`[data-testid="card"][data-call="${call}"] [data-testid="ended-detail"]`).innerText();
  assert.ok(shown.includes(end.detail.replace(/\.$/, '')), `the page says ${shown}, and it is ${end.detail}`);
  await desk.click('done');
  await backEnd.gateway.settled({ legs: 1 });
}

staged('what the platform and its customers do to a dial ends it with one true sentence, on the page, in the API and in the record', async (stage) => {
  const provider = await Provider.start(stage);
  const gateway = await Gateway.start(stage, provider.section({ more: WINDOW }) + AGENT());
  const backEnd = await BackEnd.of(gateway);
  const desk = await Desk.open(stage, gateway, { agent: 'agent7', hz: 700 });
  const dropped = (dialStatus) => async () => {
    const ringing = async () => (await provider.call(national(RINGS))).state === 'ringing_customer';
    await until('the customer is rung', ringing);
    const { ucid } = await provider.call(national(RINGS));
    await provider.post('/push', { agentId: 'agent7', body: { type: 'dropCall', callStatus: 'NotAnswered', dialStatus, ucid, agentMonitorUcid: ucid } });
  };
  const fault = (name) => async (number) => provider.post('/customers', { number, does: 'fault', fault: name });

  for (const [number, expected, meanwhile] of [
    ['+919000000030', { cause: 'customer-busy', reason: 'busy', detail: /customer is busy/ }],
    ['+919000000032', { cause: 'number-invalid', reason: 'invalid-number', detail: /does not exist/ }],
    ['+919000000040', { cause: 'no-invite', reason: 'no-invite', detail: /No INVITE within 3 s/ }],
    ['+919000000041', { cause: 'platform-login-needed', reason: 'dial-refused', detail: /Please Re-Login/ }],
    ['+919000000042', { cause: 'number-blacklisted', reason: 'dial-refused', detail: /black listed/ }],
    [RINGS, { cause: 'customer-unreachable', reason: 'no-answer', detail: /switched off/ }, dropped('Switched Off')],
    [RINGS, { cause: 'congestion', reason: 'rejected', detail: /congested/ }, dropped('congestion')],
    [RINGS, { cause: 'customer-declined', reason: 'declined', detail: /declined/ }, dropped('rejected')],
    [RINGS, { cause: 'platform-dropped', reason: 'rejected', detail: /gremlins/ }, dropped('gremlins')],
    [RINGS, { cause: 'platform-missed-agent', reason: 'rejected', detail: /did not reach the agent/ }, dropped('agent_not_reached')],
    [RINGS, { cause: 'cancelled', reason: 'cancelled', detail: /ended the call before/ }, () => desk.click('end')],
    [TALKS, { cause: 'agent-hung-up', reason: 'hangup', detail: /agent hung up/ }, async () => { await desk.card('connected'); await desk.click('end'); }],
    ['+919000000050', { cause: 'customer-hung-up', reason: 'hangup', detail: /customer hung up|reported the end/ }],
  ]) {
    await fails(desk, backEnd, number, expected, meanwhile);
  }
  for (const [name, expected] of [
    ['no_codec', { cause: 'offer-unusable', reason: 'media-refused', detail: /don't fit/ }],
    ['no_fingerprint', { cause: 'offer-unusable', reason: 'media-refused', detail: /don't fit/ }],
    ['wrong_fingerprint', { cause: ['dtls-failed', 'media-closed', 'platform-media-failed', 'platform-dropped'], detail: /audio connection|ended the call/ }],
    ['wrong_ice_password', { cause: ['media-setup-timed-out', 'platform-media-failed'], detail: /audio connection/ }],
  ]) {
    await fault(name)(national('+919000000060'));
    await fails(desk, backEnd, '+919000000060', expected);
  }
  const causes = await (await fetch(`${gateway.operations}/metrics`)).text();
  assert.match(causes, /warmline_call_causes_total\{cause="offer-unusable"\} 2/);
});

staged('a dial that can\'t go out is refused with what is in its way, and is a record', async (stage) => {
  const provider = await Provider.start(stage);
  const gateway = await Gateway.start(stage, provider.section({ more: WINDOW }) + AGENT());
  const backEnd = await BackEnd.of(gateway);
  await backEnd.refused(TALKS, 'agent-not-signed-in', /not signed in at a desk/);

  const page = new WebSocket(`${gateway.url.replace('http', 'ws')}/v1/agent`, 'warmline.agent.v1', { origin: gateway.url });
  stage.leaves(() => page.terminate());
  await once(page, 'open');
  page.send(JSON.stringify({ id: 1, op: 'hello', token: await gateway.token('agent7'), sdk: 'stage' }));
  await once(page, 'message');
  await backEnd.refused(TALKS, 'agent-leg-not-warm', /audio connection to the agent's browser/);
  page.close();

  const desk = await Desk.open(stage, gateway, { agent: 'agent7', hz: 700 });
  await backEnd.refused('+91 nobody', 'number-malformed', /./);
  await backEnd.refused(TALKS, 'not-possible', /no trunk .{1,2}nowhere/, { via: 'nowhere' });

  await desk.dial(RINGS);
  await backEnd.refused(TALKS, 'agent-busy', /has a call already/);
  await desk.click('end');
  await gateway.settled({ legs: 1 });

  // Another session takes the agent's place at the platform, and stays.
  await provider.post('/push', { agentId: 'agent7', body: { type: 'closeTab', agentId: 'agent7' } });
  await gateway.process.line(/took over/);
  await backEnd.refused(TALKS, 'signed-in-elsewhere', /Another session of this agent took over/);
  await gateway.settled({ legs: 1 });
});

staged('lines that don\'t come up say why in the refusal of a dial', async (stage) => {
  const provider = await Provider.start(stage, ['--extension', '500607=right', '--ids', 'on-probe']);
  const sections = (password) => provider.section({ more: WINDOW }) + AGENT(`password = "${password}"`);
  const gateway = await Gateway.start(stage, sections('wrong'));
  const backEnd = await BackEnd.of(gateway);
  const desk = async (where, backEnd) => {
    await Desk.open(stage, where, { agent: 'agent7', hz: 700, ready: false });
    await until('the audio is up', async () => (await backEnd.api('/v1/agents')).agents[0].media === 'up');
  };
  await desk(gateway, backEnd);
  // This registrar says 403 to a wrong password; one that challenges again is told of as a wrong password.
  await gateway.process.line(/SIP line is not up.*(403|password)/);
  await backEnd.refused(TALKS, ['registration-refused', 'registration-wrong-password'], /refused the registration|password/);
  await gateway.end('SIGTERM');

  const unnamed = await Gateway.start(stage, sections('right'));
  const asking = await BackEnd.of(unnamed);
  await desk(unnamed, asking);
  await until('the line is up', async () => (await asking.api('/v1/lines')).lines.find((line) => line.id === 'agent7/sip').up);
  await until('the token socket was opened', async () => {
    const token = (await asking.api('/v1/lines')).lines.find((line) => line.id === 'agent7/token');
    return !/being connected/.test(token.detail);
  });
  // At first it waits for its name, then it signs in without one, and is refused.
  await asking.refused(TALKS, ['no-socket-id', 'platform-login-refused'], /has not named the socket|refused the sign-in/);

  await provider.process.stop();
  await until('the line is down', async () => !(await asking.api('/v1/lines')).lines.find((line) => line.id === 'agent7/sip').up);
  await asking.refused(TALKS, ['registrar-unreachable', 'line-connecting'], /SIP line is down/);
});

staged('what a carrier answers ends the call with its own sentence, and no dialog stays', async (stage) => {
  const carrier = await Refuser.start(stage);
  const port = await stage.ports.take(1);
  const trunk = `
[[trunk]]
name = "carrier"
listen = "udp:127.0.0.1:${port}"
peer = "sip:${carrier.address};transport=udp"

[[agent]]
id = "agent7"
name = "Asha"
dial_via = "carrier"

[limits]
wrap_up = "1s"

[[route]]
trunk = "carrier"
called = "+919000000005"
agent = "agent7"
`;
  const gateway = await Gateway.start(stage, trunk);
  const backEnd = await BackEnd.of(gateway);
  const desk = await Desk.open(stage, gateway, { agent: 'agent7', hz: 700 });
  for (const [status, phrase, cause, detail] of [
    [401, 'Unauthorized', 'trunk-credentials', /credentials/],
    [403, 'Forbidden', 'trunk-credentials', /credentials/],
    [404, 'Not Found', 'number-invalid', /does not exist/],
    [480, 'Temporarily Unavailable', 'customer-no-answer', /did not answer/],
    [486, 'Busy Here', 'customer-busy', /busy/],
    [488, 'Not Acceptable Here', 'trunk-media', /none of our audio formats/],
    [500, 'Server Internal Error', 'trunk-failed', /500 Server Internal Error/],
    [600, 'Busy Everywhere', 'customer-busy', /busy/],
    [603, 'Decline', 'customer-declined', /declined/],
  ]) {
    carrier.answer = { status, phrase };
    await fails(desk, backEnd, '+919000000002', { cause, detail });
  }
  carrier.answer = { status: 200, phrase: 'OK', sdp: 'unusable' };
  await fails(desk, backEnd, '+919000000002', { cause: 'offer-unusable', reason: 'media-refused', detail: /can't be used|don't fit/ });
  assert.ok(carrier.heard.some((line) => line.startsWith('BYE ')), 'the carrier\'s 200 was acknowledged and ended');

  // It calls, the agent answers, and no ACK ever comes.
  carrier.call(`127.0.0.1:${port}`, '+919000000005');
  const call = await desk.card('ringing-in');
  await desk.click('answer');
  const end = await backEnd.end(call);
  assert.equal(end.cause, 'ack-missing');
  assert.match(end.detail, /no ACK within 32 s/);
  await gateway.settled({ legs: 1 });
  await until('no transaction is left', async () => (await gateway.metrics()).get('warmline_transactions') === 0, { within: 40_000 });
});
