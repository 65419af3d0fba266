// What strangers and mistakes send: a clear error each, and the call beside it goes on.
import assert from 'node:assert/strict';
import dgram from 'node:dgram';
import { once } from 'node:events';
import WebSocket from 'ws';
import { answer, bothHear, CALLED, customerCalls, talk } from './peers/carrier.mjs';
import { AGENT_HZ } from './peers/floor.mjs';
import { binary } from './peers/gateway.mjs';
import { run } from './process.mjs';
import { staged } from './stage.mjs';

const ANOTHER = `
[[agent]]
id = "agent8"
name = "Ravi"
`;

const INVITE = [
  `INVITE sip:${CALLED}@127.0.0.1 SIP/2.0`, 'Via: SIP/2.0/UDP 127.0.0.1:5999;branch=z9hG4bKbad;rport', 'From: <sip:x@example.com>;tag=1', `To: <sip:${CALLED}@127.0.0.1>`,
  'Call-ID: bad', 'CSeq: 1 INVITE', 'Contact: <sip:x@127.0.0.1:5999>', 'Max-Forwards: 70', 'Content-Type: application/sdp', 'Content-Length: 400', '', 'v=0',
].join('\r\n');

/** Nonsense of every kind; the same each run. */
function* nonsense() {
  yield Buffer.from('hello?\r\n\r\n');
  yield Buffer.alloc(0);
  yield Buffer.from('\0\0\0\0');
  yield Buffer.from(`INVITE ${'x'.repeat(9000)} SIP/2.0\r\n\r\n`);
  yield Buffer.from('SIP/2.0 200 OK\r\n\r\n');
  yield Buffer.from('ACK sip:nobody@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK0\r\nCSeq: 99999999999999999999 ACK\r\n\r\n');
  for (let length = 1; length < INVITE.length; length += 37) yield Buffer.from(INVITE.slice(0, length));
  let seed = 7;
  for (let n = 0; n < 200; n++) yield Buffer.from(Array.from({ length: 20 + n }, () => (seed = (seed * 48271) % 2147483647) & 0xff));
}

/** Throws all of it at the port, then asks properly: the answer to that says that everything before it has been read. All replies. */
async function throwAt(port) {
  const socket = dgram.createSocket('udp4');
  socket.connect(port, '127.0.0.1');
  await once(socket, 'connect');
  const replies = [];
  const answered = new Promise((resolve, reject) => {
    setTimeout(() => reject(new Error('no answer to the well-formed request')), 10_000).unref();
    socket.on('message', (message) => {
      replies.push(String(message));
      if (replies.at(-1).includes('z9hG4bKgood')) resolve();
    });
  });
  for (const bytes of nonsense()) socket.send(bytes);
  socket.send([
    'OPTIONS sip:127.0.0.1 SIP/2.0', 'Via: SIP/2.0/UDP 127.0.0.1:5999;branch=z9hG4bKgood;rport', 'From: <sip:x@example.com>;tag=2', 'To: <sip:127.0.0.1>',
    'Call-ID: good', 'CSeq: 1 OPTIONS', 'Max-Forwards: 70', 'Content-Length: 0', '', '',
  ].join('\r\n'));
  await answered.finally(() => socket.close());
  return replies;
}

/** Speaks the agents' protocol by hand: hello, then one request; its reply. */
async function ask(gateway, token, request) {
  const socket = new WebSocket(`${gateway.url.replace('http', 'ws')}/v1/agent`, 'warmline.agent.v1', { origin: gateway.url });
  await once(socket, 'open');
  const frame = (wanted) => new Promise((resolve, reject) => {
    socket.on('close', (code, reason) => reject(new Error(`the gateway closed the socket: ${code} ${reason}`)));
    socket.on('message', (text) => {
      const said = JSON.parse(text);
      if (wanted(said)) resolve(said);
    });
  });
  const welcome = frame(({ ev }) => ev === 'welcome');
  socket.send(JSON.stringify({ id: 1, op: 'hello', token, sdk: 'stage' }));
  await welcome;
  const reply = frame(({ re }) => re === 2);
  socket.send(JSON.stringify({ id: 2, ...request }));
  return reply.finally(() => socket.terminate());
}

const SESSION = 'v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n';
const WITHOUT_AUDIO = {
  'no media at all': SESSION,
  'data only': `${SESSION}m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\na=fingerprint:sha-256 ${Array(32).fill('AB').join(':')}\r\na=setup:actpass\r\na=mid:0\r\na=sctp-port:5000\r\n`,
};

staged('garbage on UDP and a browser without audio get a clear error; the call beside them goes on', async (stage) => {
  const { port, gateway, desk, customer } = await talk(stage, { hz: AGENT_HZ, more: ANOTHER });

  const replies = await throwAt(port);
  assert.ok(replies.some((reply) => reply.startsWith('SIP/2.0 200 ') && reply.includes('z9hG4bKgood')), 'the well-formed request is answered');
  assert.ok(replies.some((reply) => reply.startsWith('SIP/2.0 400 ') && reply.includes('z9hG4bKbad')), 'a truncated request that names its sender gets a 400');

  const token = await gateway.token('agent8');
  for (const [what, sdp] of Object.entries(WITHOUT_AUDIO)) {
    const { err } = await ask(gateway, token, { op: 'media', sdp });
    assert.match(err?.detail ?? 'no error', /audio/i, what);
    assert.ok(err.status >= 400 && err.status < 500, `${what}: the browser is at fault, not ${err.status}`);
  }

  await bothHear(desk, customer, { agentHz: AGENT_HZ });
  await customer.hangUp();
  await customer.done();
  await desk.card('wrap-up');
  await desk.click('done');
  await desk.cardGone();
  const next = await customerCalls(stage, port);
  await answer(desk);
  await bothHear(desk, next, { agentHz: AGENT_HZ });
});

staged('a configuration with an unknown key is refused with the key and its line', async (stage) => {
  const file = await stage.write('wrong.toml', '[http]\nlisten = "127.0.0.1:0"\n\n[media]\npublik_ip = "127.0.0.1"\n');
  const { code, stdout, stderr } = await run('serve', binary('warmline'), ['serve', '--config', file]);
  assert.notEqual(code, 0);
  const said = stdout + stderr;
  assert.match(said, /publik_ip/);
  assert.match(said, /\b5\b/, 'the line');
  assert.match(said, /public_ip/, 'what was meant');
  assert.ok(said.includes('wrong.toml'), 'the file');
});
