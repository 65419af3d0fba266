// Call records: every call is kept, whatever way it or the gateway ended, and is there after a restart.
import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Desk } from './peers/desk.mjs';
import { Gateway } from './peers/gateway.mjs';
import { Provider } from './peers/provider.mjs';
import { staged, until } from './stage.mjs';

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
auto_answer = "outbound"
`;
const TALKS = '+919000000010';
const BUSY = '+919000000030';

const post = (body, more) => ({ method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json', ...more } });
const put = (body) => ({ ...post(body), method: 'PUT' });

staged('calls outlive the process: a finished one, a refused one, one that was up when it was killed, and one that its operator ended', async (stage) => {
  const provider = await Provider.start(stage);
  const gateway = await Gateway.start(stage, provider.section() + AGENT);
  const token = await gateway.token('crm', '--scope', 'calls:read', '--scope', 'calls:write');
  const show = (call) => gateway.api(token, `/v1/calls/${call}`);
  const explain = (call) => gateway.api(token, `/v1/calls/${call}/explain`);

  // Nobody is signed in: the dial is refused, and is a record all the same.
  await assert.rejects(gateway.api(token, '/v1/calls', post({ agent: 'agent7', to: TALKS })), /not signed in at a desk/);
  const [refused] = (await gateway.api(token, '/v1/calls')).calls;
  assert.equal(refused.ended.detail, 'The agent is not signed in at a desk.');
  assert.equal((await explain(refused.id)).cause.cause, 'agent-not-signed-in');

  const desk = await Desk.open(stage, gateway, { agent: 'agent7', hz: 700 });
  const key = { 'idempotency-key': 'one' };
  const busy = await gateway.api(token, '/v1/calls', post({ agent: 'agent7', to: BUSY, context: { ticket: 5 } }, key));
  await until('the busy call ends', async () => (await show(busy.id)).ended);
  const disposed = await gateway.api(token, `/v1/calls/${busy.id}/disposition`, put({ code: 'try-again', callback_at: 1_900_000_000_000 }));
  assert.equal(disposed.disposition.code, 'try-again');

  await desk.click('done');
  const talk = await desk.dial(TALKS);
  await desk.card('connected');
  await until('it is written', async () => (await gateway.metrics()).get('warmline_store_pending') === 0);
  const { ucid } = await provider.call(TALKS.replace('+91', ''));
  const { platform } = await show(talk);
  assert.ok(platform.did, `the platform's facts are the call's: ${JSON.stringify(platform)}`);
  await gateway.end('SIGKILL');
  // The platform would wait for the dead audio before it takes another dial.
  await provider.post(`/calls/${ucid}/hangup`);
  await provider.ended(ucid);
  await gateway.again();

  const killed = await show(talk);
  assert.equal(killed.state, 'closed');
  assert.equal(killed.ended.reason, 'gateway-restarted');
  assert.deepEqual(killed.platform, platform);
  const story = await explain(talk);
  assert.equal(story.cause.cause, 'gateway-restarted');
  assert.match(story.story.map((told) => told.what).join('\n'), /The expected INVITE came[^]*connected[^]*The gateway was restarted/);
  const kept = await show(busy.id);
  assert.deepEqual([kept.ended.reason, kept.context, kept.disposition.code], ['busy', { ticket: 5 }, 'try-again']);

  // The same key is the same answer, and no second call.
  const again = await gateway.api(token, '/v1/calls', post({ agent: 'agent7', to: BUSY, context: { ticket: 5 } }, key));
  assert.equal(again.id, busy.id);
  await assert.rejects(gateway.api(token, '/v1/calls', post({ agent: 'agent7', to: TALKS }, key)), /422/);

  // Later than any wrap-up, and in another process.
  const late = await gateway.api(token, `/v1/calls/${busy.id}/disposition`, put({ code: 'sold', notes: 'two' }));
  assert.equal(late.disposition.notes, 'two');

  await desk.part('ready-light', '[data-ready="true"]').waitFor();
  if (await desk.part('done').isVisible()) await desk.click('done');
  const last = await desk.dial(TALKS);
  await desk.card('connected');
  await gateway.end('SIGTERM');
  await gateway.again();
  assert.equal((await show(last)).ended.reason, 'shutdown');

  const listed = [];
  for (let next = ''; next !== undefined; ) {
    const page = await gateway.api(token, `/v1/calls?limit=2${next && `&cursor=${next}`}`);
    listed.push(...page.calls.map((call) => call.id));
    next = page.next;
  }
  assert.deepEqual(listed, [last, talk, busy.id, refused.id]);
  const since = new Date(killed.started_at).toISOString();
  const { calls } = await gateway.api(token, `/v1/calls?agent=agent7&state=closed&from=${since}`);
  assert.deepEqual(calls.map((call) => call.id), [last, talk]);
});

staged('a file that is no database stops no call, is told of, and nothing is lost once it is out of the way', async (stage) => {
  await writeFile(path.join(stage.directory, 'warmline.db'), 'not a database, by any reading of it. '.repeat(100));
  const provider = await Provider.start(stage);
  const gateway = await Gateway.start(stage, provider.section() + AGENT);
  const desk = await Desk.open(stage, gateway, { agent: 'agent7', hz: 700 });
  const call = await desk.dial(BUSY);
  await desk.part('ended-detail').waitFor();
  assert.equal((await gateway.api(desk.token, `/v1/calls/${call}`)).ended.reason, 'busy');
  const metrics = await gateway.metrics();
  assert.ok(metrics.get('warmline_store_pending') >= 1);
  assert.ok(metrics.get('warmline_store_errors_total') >= 1);
  const ready = await fetch(`${gateway.operations}/readyz`);
  assert.equal(ready.status, 200, 'calls don\'t need the store');
  assert.match((await ready.json()).checks.store, /not a database/);

  await rm(path.join(stage.directory, 'warmline.db'));
  await until('it is written', async () => (await gateway.metrics()).get('warmline_store_pending') === 0);
  assert.equal((await (await fetch(`${gateway.operations}/readyz`)).json()).checks.store, 'ok');
  await gateway.end('SIGKILL');
  await gateway.again();
  assert.equal((await gateway.api(desk.token, `/v1/calls/${call}`)).ended.reason, 'busy');
});
