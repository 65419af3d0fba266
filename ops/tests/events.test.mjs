// What the gateway tells the world: to readers and webhooks, the same bytes, in order, nothing missed over failures and restarts.
import assert from 'node:assert/strict';
import { Gateway } from './peers/gateway.mjs';
import { Reader } from './peers/events.mjs';
import { Receiver, verified } from './peers/receiver.mjs';
import { staged, until } from './stage.mjs';

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const WITHIN = { within: 30_000 };

const config = async (stage, webhooks) => `
[[trunk]]
name = "carrier"
listen = "udp:127.0.0.1:${await stage.ports.take(1)}"
peer = "sip:127.0.0.1:${await stage.ports.take(1)};transport=udp"

[[agent]]
id = "agent7"
name = "Asha"
dial_via = "carrier"

${webhooks}`;

const webhook = (receiver, more = '') => `
[[events.webhooks]]
name = "crm"
url = "${receiver.url}"
secret = "${SECRET}"
allow_private = true
${more}
`;

/** A dial that is refused, because nobody is at the desk: a call that begins and ends at once. */
async function refused(gateway, token) {
  await assert.rejects(gateway.place(token, { agent: 'agent7', to: '+919000000001' }), /not signed in/);
  const [call] = (await gateway.api(token, '/v1/calls?limit=1')).calls;
  return call.id;
}

const subjects = (heard, call) => heard.filter(({ event }) => event.subject === call).map(({ event }) => event.type.replace('io.warmline.', ''));

staged('a reader and a webhook are told the same; a receiver that failed, and a reader that was away, miss nothing', async (stage) => {
  const receiver = await Receiver.start(stage);
  const gateway = await Gateway.start(stage, await config(stage, webhook(receiver)));
  const token = await gateway.token('crm', '--scope', 'calls:read', '--scope', 'calls:write');
  const reader = await Reader.follow(stage, gateway, token);

  const first = await refused(gateway, token);
  await until('the reader is told', () => subjects(reader.events, first).length === 2, WITHIN);
  await until('the webhook is told', () => subjects(receiver.taken(), first).length === 2, WITHIN);
  assert.deepEqual(subjects(reader.events, first), ['call.created', 'call.ended']);
  assert.equal(receiver.kinds()[0], 'node.started', 'the webhook begins with the gateway');
  for (const { id, body } of reader.events.filter(({ event }) => event.subject === first)) {
    const told = receiver.taken().find(({ headers }) => headers['webhook-id'] === id);
    assert.equal(told.body, body, 'the same bytes');
    assert.equal(told.headers['content-type'], 'application/cloudevents+json');
    assert.equal(await verified(SECRET, told), 'verified');
    assert.match(await verified(SECRET, { ...told, body: `${told.body} ` }), /No matching signature/);
  }
  const { event } = reader.events.find(({ event: { subject } }) => subject === first);
  assert.deepEqual([event.specversion, event.source, event.data.call.agent], ['1.0', '/warmline', 'agent7']);

  // The receiver fails, the gateway is killed, the reader is away.
  receiver.status = 500;
  const second = await refused(gateway, token);
  await until('the webhook fails', () => receiver.heard.some(({ answered }) => answered === 500), WITHIN);
  const metrics = await (await fetch(`${gateway.operations}/metrics`)).text();
  assert.match(metrics, /warmline_outbox_pending\{sink="crm"\} [12]\n/);
  await until('the record is written', async () => (await gateway.metrics()).get('warmline_store_pending') === 0);
  const last = reader.events.at(-1).id;
  await gateway.end('SIGKILL');
  await gateway.again();
  receiver.status = 200;
  await until('the webhook has the rest', () => subjects(receiver.taken(), second).length === 2, WITHIN);
  assert.deepEqual(subjects(receiver.taken(), second), ['call.created', 'call.ended']);
  const again = await Reader.follow(stage, gateway, token, { last });
  await until('the reader has the rest', () => again.kinds().includes('node.started'), WITHIN);
  const missed = reader.events.some(({ event: { subject } }) => subject === second) ? [] : ['call.created', 'call.ended'];
  assert.deepEqual(again.kinds().slice(0, missed.length + 1), [...missed, 'node.started']);
  const ids = receiver.taken().map(({ headers }) => headers['webhook-id']);
  assert.deepEqual([...new Set(ids)].length, ids.length, 'nothing that was taken came again');

  const forgotten = await Reader.follow(stage, gateway, token, { last: 'e_of_another_file', types: 'node.*' });
  await until('the gap is told', () => forgotten.kinds().length >= 3, WITHIN);
  assert.deepEqual(forgotten.kinds(), ['gap', 'node.started', 'node.started']);

  // An orderly end is told, and lets readers go.
  await gateway.end('SIGTERM');
  await until('the reader is let go', () => again.closed);
  assert.ok(again.kinds().includes('node.draining'), again.kinds().join());
});

staged('410 is for good; types are heeded; a private address is not asked unless that is allowed', async (stage) => {
  const [gone, choosy, forbidden] = [await Receiver.start(stage), await Receiver.start(stage), await Receiver.start(stage)];
  const gateway = await Gateway.start(stage, await config(stage, [
    webhook(gone).replace('"crm"', '"gone"'),
    webhook(choosy, 'types = ["call.ended"]'),
    webhook(forbidden).replace('"crm"', '"outside"').replace('http:', 'https:').replace('allow_private = true', ''),
  ].join('')));
  const token = await gateway.token('crm', '--scope', 'calls:read', '--scope', 'calls:write');
  await until('the start is told', () => gone.kinds().includes('node.started'), WITHIN);
  gone.status = 410;
  const first = await refused(gateway, token);
  await until('it is told that there is nobody', () => gone.heard.some(({ answered }) => answered === 410), WITHIN);
  gone.status = 200;
  const second = await refused(gateway, token);
  await until('the other is told', () => subjects(choosy.taken(), second).length === 1, WITHIN);
  assert.deepEqual(choosy.kinds(), ['call.ended', 'call.ended']);
  assert.deepEqual(choosy.taken().map(({ event }) => event.subject), [first, second]);
  await until('it is on the disk', async () => (await gateway.metrics()).get('warmline_store_pending') === 0);
  await gateway.end('SIGTERM');
  await gateway.again();
  const third = await refused(gateway, token);
  await until('the other is told', () => subjects(choosy.taken(), third).length === 1, WITHIN);
  assert.equal(gone.taken().length, 1, 'who is gone is not asked again, also after a restart');
  assert.equal(forbidden.heard.length, 0);
  const metrics = await (await fetch(`${gateway.operations}/metrics`)).text();
  assert.match(metrics, /warmline_webhook_deliveries_total\{outcome="failed"\} [1-9]/);
  assert.match(gateway.process.tail(2000), /isn't public; allow_private = true would allow it/);
});
