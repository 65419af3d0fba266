// What is configured for one agent: how many calls at a time, and how long the notes may take.
import assert from 'node:assert/strict';
import { Desk } from './peers/desk.mjs';
import { Gateway } from './peers/gateway.mjs';
import { Sipp } from './peers/sipp.mjs';
import { hears, staged, until } from './stage.mjs';

const CALLED = '+919000000001';

staged('an agent\'s own limit of calls and time for notes stand against everybody\'s', async (stage) => {
  const port = await stage.ports.take(1);
  const gateway = await Gateway.start(stage, `
[limits]
calls_per_agent = 2
wrap_up = "10m"

[[trunk]]
name = "carrier"
listen = "udp:127.0.0.1:${port}"
allow = ["127.0.0.0/8"]

[[agent]]
id = "agent7"
calls = 1
wrap_up = "2s"

[[route]]
trunk = "carrier"
called = "${CALLED}"
agent = "agent7"
`);
  const desk = await Desk.open(stage, gateway, { agent: 'agent7', hz: 700 });
  const calls = () => Sipp.calls(stage, { target: `127.0.0.1:${port}`, called: CALLED, hz: 1000 });
  const first = await calls();
  await desk.card('ringing-in');
  await desk.click('answer');
  const call = await desk.card('connected');
  await hears('the customer', 700, () => first.heard());

  const second = await calls();
  await second.messageLike('received', /^SIP\/2\.0 486 /m);
  await first.hangUp();
  await first.done();
  await desk.card('wrap-up');
  const closed = async () => (await gateway.api(desk.token, `/v1/calls/${call}`)).state === 'closed';
  await until('the notes\' time is over', closed, { within: 30_000 });
  assert.equal(await gateway.activeCalls(), 0);
});
