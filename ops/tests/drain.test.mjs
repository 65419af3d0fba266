// Asked to end, the gateway takes no new calls and lets the present ones come to their own end; asked twice, or for too long, it ends them.
import assert from 'node:assert/strict';
import { Desk } from './peers/desk.mjs';
import { binary, Gateway } from './peers/gateway.mjs';
import { Sipp } from './peers/sipp.mjs';
import { run } from './process.mjs';
import { hears, staged, until } from './stage.mjs';

const CALLED = '+919000000001';
const AGENT_HZ = 700;
const CUSTOMER_HZ = 1000;

async function talk(stage, drainTimeout) {
  const port = await stage.ports.take(1);
  const gateway = await Gateway.start(stage, `
[limits]
calls_per_agent = 2

[[trunk]]
name = "carrier"
listen = "udp:127.0.0.1:${port}"
allow = ["127.0.0.0/8"]

[[agent]]
id = "agent7"
name = "Asha"
wrap_up = "2s"

[[route]]
trunk = "carrier"
called = "${CALLED}"
agent = "agent7"
`, { environment: { WARMLINE__LIMITS__DRAIN_TIMEOUT: drainTimeout } });
  const desk = await Desk.open(stage, gateway, { agent: 'agent7', hz: AGENT_HZ });
  const calls = () => Sipp.calls(stage, { target: `127.0.0.1:${port}`, called: CALLED, hz: CUSTOMER_HZ });
  const customer = await calls();
  await desk.card('ringing-in');
  await desk.click('answer');
  const call = await desk.card('connected');
  await hears('the customer', AGENT_HZ, () => customer.heard());
  return { gateway, desk, calls, customer, call };
}

const ready = async ({ operations }) => (await fetch(`${operations}/readyz`)).json();

staged('warmline drain: no new calls, the talk goes on, the agent reads so, and the last end is reported', async (stage) => {
  const { gateway, desk, calls, customer } = await talk(stage, '60s');
  const draining = run('warmline drain', binary('warmline'), ['drain', '--config', gateway.configuration]);
  await desk.part('banner', '[data-kind="draining"]').waitFor();
  assert.equal((await gateway.metrics()).get('warmline_draining'), 1);
  assert.match((await ready(gateway)).checks.accepting, /draining/);

  const turnedAway = await calls();
  await turnedAway.messageLike('received', /^SIP\/2\.0 503 /m);
  const refused = gateway.place(desk.token, { agent: 'agent7', to: '+919000000002' });
  await assert.rejects(refused, /503.*about to be restarted/);

  customer.capture.forget();
  await hears('the customer', AGENT_HZ, () => customer.heard());
  await hears('the agent', CUSTOMER_HZ, () => desk.heard());
  await customer.hangUp();
  await customer.done();
  const { code, stdout } = await draining;
  assert.equal(code, 0);
  assert.match(stdout, /1 are open[^]*Every call has ended/);
  // A page that is opened meanwhile is told as well.
  await desk.reload();
  await desk.part('banner', '[data-kind="draining"]').waitFor();
});

staged('a browser\'s page can\'t make the gateway drain', async (stage) => {
  const gateway = await Gateway.start(stage, '[[agent]]\nid = "agent7"\n');
  const { status } = await fetch(`${gateway.operations}/drain`, { method: 'POST', headers: { origin: 'https://evil.example.com' } });
  assert.equal(status, 403);
  assert.equal((await gateway.metrics()).get('warmline_draining'), 0);
});

staged('the first SIGTERM lets the talk end by itself, and the program with it', async (stage) => {
  const { gateway, desk, customer, call } = await talk(stage, '60s');
  gateway.process.child.kill('SIGTERM');
  await desk.part('banner', '[data-kind="draining"]').waitFor();
  customer.capture.forget();
  await hears('the customer', AGENT_HZ, () => customer.heard());
  assert.equal((await gateway.api(desk.token, `/v1/calls/${call}`)).state, 'connected');
  await customer.hangUp();
  await customer.done();
  await gateway.process.line(/every call has ended/);
  assert.equal((await gateway.process.exit()).code, 0);
  await until('the page waits for the gateway\'s return', async () => (await desk.page.evaluate('warmline.agent.connection')).is === 'waiting');
});

staged('the second SIGTERM ends what is left', async (stage) => {
  const { gateway, customer } = await talk(stage, '60s');
  gateway.process.child.kill('SIGTERM');
  await gateway.process.line(/the gateway drains/);
  gateway.process.child.kill('SIGTERM');
  await customer.messageLike('received', /^BYE /m);
  assert.equal((await gateway.process.exit()).code, 0);
});

staged('so does the end of the time that calls are given', async (stage) => {
  const { gateway, customer } = await talk(stage, '2s');
  gateway.process.child.kill('SIGTERM');
  await customer.messageLike('received', /^BYE /m);
  await gateway.process.line(/not drained in time/);
  assert.equal((await gateway.process.exit()).code, 0);
});
