// Trunks over TCP and TLS, registering ones, peers that are dead, and peers that come and go.
import assert from 'node:assert/strict';
import { certificate } from './certificate.mjs';
import { Ladder, sdp } from './ladder.mjs';
import { Desk } from './peers/desk.mjs';
import { Gateway } from './peers/gateway.mjs';
import { Kamailio } from './peers/kamailio.mjs';
import { listens, request, SipPeer, statusOf } from './peers/sip.mjs';
import { Sipp } from './peers/sipp.mjs';
import { run } from './process.mjs';
import { hears, staged, until } from './stage.mjs';

const CALLED = '+919000000001';
const NO_PINGS = 'options_interval = "0s"'; // SIPp's scenarios take none
const OFFER = sdp().text.replaceAll('\n', '\r\n').replace('[local_ip]', '127.0.0.1').replace('[media_ip]', '127.0.0.1').replace('[rtpstream_audio_port]', '6000');
const AGENT_HZ = 700;
const CUSTOMER_HZ = 1000;

const trunk = (listen, ...more) => `
[[trunk]]
name = "carrier"
listen = ${JSON.stringify(listen)}
allow = ["127.0.0.0/8"]
${more.join('\n')}

[[agent]]
id = "agent7"
name = "Asha"
dial_via = "carrier"

[[route]]
trunk = "carrier"
called = "${CALLED}"
agent = "agent7"
`;

const place = (transport, port) => `${transport}:127.0.0.1:${port}`;

/** How the gateway says that the trunk stands. */
async function line(gateway) {
  const { lines } = await gateway.api(await gateway.token('agent7', '--scope', 'calls:read'), '/v1/lines');
  return lines.find(({ id }) => id === 'carrier');
}

const stands = (gateway, up, within) => until(`the trunk is ${up ? 'up' : 'down'}`, async () => {
  const found = await line(gateway);
  return found.up === up && found;
}, { within });

async function bothHear(desk, customer) {
  await hears('the customer', AGENT_HZ, () => customer.heard());
  await hears('the agent', CUSTOMER_HZ, () => desk.heard());
}

const answers = () => Ladder.answers().invited().respondToInvite(180).respondToInvite(200, sdp()).requested('ACK').plays().requested('BYE').respond(200);

staged('a carrier calls in by TCP: audio both ways, and our BYE goes by its connection', async (stage) => {
  const port = await stage.ports.take(1);
  const gateway = await Gateway.start(stage, trunk(place('tcp', port)));
  const desk = await Desk.open(stage, gateway, { agent: 'agent7', hz: AGENT_HZ });
  const ladder = Ladder.calls().invite(sdp()).perhaps(100, 180).response(200, { has: ['Contact: <sip:warmline@127.0.0.1:[0-9]+;transport=tcp>'] }).ack().plays().requested('BYE').respond(200);
  const customer = await Sipp.plays(stage, ladder, { target: `127.0.0.1:${port}`, called: CALLED, hz: CUSTOMER_HZ, transport: 't1' });
  await desk.card('ringing-in');
  await desk.click('answer');
  await desk.card('connected');
  await bothHear(desk, customer);
  await desk.click('end');
  await customer.done();
});

staged('the desk dials by TCP, both hear, and End sends the BYE', async (stage) => {
  const port = await stage.ports.take(1);
  const customer = await Sipp.plays(stage, answers(), { hz: CUSTOMER_HZ, transport: 't1' });
  const gateway = await Gateway.start(stage, trunk(place('tcp', port), `peer = "sip:${customer.address};transport=tcp"`, NO_PINGS));
  const desk = await Desk.open(stage, gateway, { agent: 'agent7', hz: AGENT_HZ });
  await desk.dial('+919000000002');
  await desk.card('connected');
  await bothHear(desk, customer);
  await desk.click('end');
  await customer.done();
});

staged('of several peers the first that serves gets the call: a dead port, a closed one, and a 503 are passed over', async (stage) => {
  const port = await stage.ports.take(1);
  const [dead, closed, busy] = [await stage.ports.take(1), await stage.ports.take(1), await stage.ports.take(1)];
  await listens(stage, { port: busy, reply: (message) => (message.startsWith('INVITE') ? '503 Service Unavailable' : undefined) });
  const customer = await Sipp.plays(stage, answers(), { hz: CUSTOMER_HZ });
  const peers = [`sip:127.0.0.1:${dead};transport=udp`, `sip:127.0.0.1:${closed};transport=tcp`, `sip:127.0.0.1:${busy};transport=tcp`, `sip:${customer.address};transport=udp`];
  const gateway = await Gateway.start(stage, trunk([place('udp', port), place('tcp', port)], `peer = ${JSON.stringify(peers)}`, NO_PINGS));
  const desk = await Desk.open(stage, gateway, { agent: 'agent7', hz: AGENT_HZ });
  const start = Date.now();
  await desk.dial('+919000000002');
  await desk.card('connected');
  assert.ok(Date.now() - start < 8_000, 'the dead peer costs four seconds, the others nothing');
  await bothHear(desk, customer);
  await desk.click('end');
  await customer.done();
});

staged('many connections with a call each, and the limits of a trunk', async (stage) => {
  const port = await stage.ports.take(1);
  const limited = await stage.ports.take(1);
  const gateway = await Gateway.start(stage, `${trunk(place('tcp', port))}
[[trunk]]
name = "limited"
listen = "${place('tcp', limited)}"
allow = ["127.0.0.0/8"]
calls_per_second = 2
`);
  // Nobody is ready: each INVITE is refused, on the connection that it came by.
  const scenario = await stage.write('refused.xml', Ladder.calls().invite(sdp()).perhaps(100).rejected(480).scenario());
  const { code, stdout, stderr } = await run('SIPp of many connections', 'sipp', [
    '-sf', scenario, '-inf', await stage.write('fields.csv', `SEQUENTIAL\n127.0.0.1;+919000000002\n`), '-m', '40', '-r', '40', '-l', '40', '-t', 'tn', '-max_socket', '100',
    '-i', '127.0.0.1', '-p', String(await stage.ports.take(1)), '-cp', String(await stage.ports.take(1)), '-nostdin', '-s', CALLED, `127.0.0.1:${port}`,
  ], { cwd: stage.directory });
  assert.equal(code, 0, stdout + stderr);

  const peer = await SipPeer.tcp(limited);
  stage.leaves(() => peer.close());
  const all = await Promise.all(Array.from({ length: 6 }, () => peer.ask('INVITE', { transport: 'tcp', uri: `sip:${CALLED}@127.0.0.1`, body: OFFER, headers: ['Content-Type: application/sdp'] })));
  const refused = all.filter((message) => statusOf(message) === 503);
  assert.equal(refused.length, 4, 'two a second, the rest is for later');
  assert.ok(refused.every((message) => /^Retry-After: [1-9]/m.test(message)));
  assert.equal(statusOf(await peer.ask('OPTIONS', { transport: 'tcp' })), 200, 'nothing but new calls is refused');
});

staged('TLS both ways: with our certificate to who connects, and checking the one of whom we call', async (stage) => {
  const [port, far] = [await stage.ports.take(1), await stage.ports.take(1)];
  const { key, cert, keyFile, certFile } = await certificate(stage);
  const carrier = await listens(stage, { port: far, secure: { key, cert }, reply: () => '200 OK' });
  const gateway = await Gateway.start(stage, trunk(place('tls', port), `peer = "sip:localhost:${far};transport=tls"`, 'options_interval = "1s"',
    `tls_cert = "${certFile}"`, `tls_key = "${keyFile}"`, `tls_ca = "${certFile}"`));
  const peer = await SipPeer.tls(port, cert, 'localhost');
  stage.leaves(() => peer.close());
  assert.equal(statusOf(await peer.ask('OPTIONS', { transport: 'tls' })), 200);
  await until('it pings by TLS', () => carrier.peers.some(({ heard }) => heard.some((message) => /^OPTIONS [^]*Via: SIP\/2\.0\/TLS /.test(message))));
  assert.equal((await line(gateway)).up, true);
  // Who doesn't speak TLS is shown the door, and nobody else notices.
  const plain = await SipPeer.tcp(port);
  plain.send(request('OPTIONS', { transport: 'tls' }));
  await plain.closed;
  assert.equal(statusOf(await peer.ask('OPTIONS', { transport: 'tls' })), 200);
});

for (const [how, transport, port] of [['UDP', 'udp', 'udp'], ['TLS', 'tls', 'wss']]) {
  staged(`a trunk registers with Kamailio by ${how}, and no secret is logged`, async (stage) => {
    const kamailio = await Kamailio.start(stage);
    process.env.RUST_LOG = 'trace,hickory_resolver=info,hickory_proto=info';
    const gateway = await Gateway.start(stage, trunk(place(transport, await stage.ports.take(1)), `peer = "sip:localhost:${kamailio[port]};transport=${transport}"`,
      'username = "acme"', `password = "${kamailio.password}"`, 'register = true', NO_PINGS, ...(transport === 'tls' ? [`tls_ca = "${kamailio.authority}"`] : [])));
    delete process.env.RUST_LOG;
    await kamailio.registered('acme');
    await stands(gateway, true);

    const admin = await gateway.token('floor', '--scope', 'admin');
    const order = (word) => gateway.api(admin, `/v1/lines/carrier/${word}`, { method: 'POST' });
    assert.equal((await order('unregister')).detail, 'it was taken out of service');
    await stands(gateway, false);
    const before = kamailio.registrations('acme');
    await order('register');
    await until('the registrar has it again', async () => kamailio.registrations('acme') > before);
    await stands(gateway, true);

    const log = gateway.process.lines.join('\n');
    assert.ok(log.length > 0);
    for (const secret of [kamailio.password, 'response=', 'Digest username']) assert.ok(!log.includes(secret), `${secret} is in the log`);
  });
}

staged('a trunk that doesn\'t register is not taken out of service', async (stage) => {
  const [port, far] = [await stage.ports.take(1), await stage.ports.take(1)];
  const gateway = await Gateway.start(stage, trunk(place('tcp', port), `peer = "sip:127.0.0.1:${far};transport=tcp"`));
  const admin = await gateway.token('floor', '--scope', 'admin');
  await assert.rejects(gateway.api(admin, '/v1/lines/carrier/unregister', { method: 'POST' }), /409.*The trunk carrier doesn't register anywhere\./);
});

staged('a trunk that is out of service takes no call, until it is put back', async (stage) => {
  const [port, far] = [await stage.ports.take(1), await stage.ports.take(1)];
  const registrar = await listens(stage, { port: far, reply: () => '200 OK' });
  const gateway = await Gateway.start(stage, trunk(place('tcp', port), `peer = "sip:127.0.0.1:${far};transport=tcp"`, 'username = "acme"', 'password = "secret"', 'register = true'));
  await stands(gateway, true);
  const admin = await gateway.token('floor', '--scope', 'admin');
  const order = (word) => gateway.api(admin, `/v1/lines/carrier/${word}`, { method: 'POST' });
  const peer = await SipPeer.tcp(port);
  stage.leaves(() => peer.close());
  const calls = async () => statusOf(await peer.ask('INVITE', { transport: 'tcp', uri: `sip:${CALLED}@127.0.0.1`, body: OFFER, headers: ['Content-Type: application/sdp'] }));
  assert.equal(await calls(), 480, 'nobody is at the desk');

  await order('unregister');
  const heard = () => registrar.peers.flatMap((each) => each.heard);
  await until('the registrar is told', () => heard().some((message) => /^REGISTER [^]*\r\nExpires: 0\r\n/.test(message)));
  assert.equal(await calls(), 503);
  assert.equal((await line(gateway)).detail, 'it was taken out of service');
  await order('register');
  await stands(gateway, true);
  assert.equal(await calls(), 480);
});

staged('a trunk whose password is refused is down, with words for it', async (stage) => {
  const port = await stage.ports.take(1);
  const far = await stage.ports.take(1);
  await listens(stage, { port: far, reply: (message) => (message.startsWith('REGISTER') ? '403 Forbidden' : '200 OK') });
  const gateway = await Gateway.start(stage, trunk(place('tcp', port), `peer = "sip:127.0.0.1:${far};transport=tcp"`, 'username = "acme"', 'password = "wrong-secret"', 'register = true'));
  await until('the refusal is told', async () => /403/.test((await line(gateway)).detail));
  assert.equal((await line(gateway)).up, false);
});

staged('a peer that dies is down within three pings and up again with the first answer', async (stage) => {
  const port = await stage.ports.take(1);
  const pings = await stage.write('pings.xml', `<?xml version="1.0"?>\n<scenario name="answers pings"><recv request="OPTIONS"/><send><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:];tag=[call_number]
[last_Call-ID:]
[last_CSeq:]
Content-Length: 0

]]></send></scenario>`);
  const far = await stage.ports.take(1);
  const control = await stage.ports.take(1);
  const peer = () => stage.process('SIPp that answers pings', 'sipp', ['-sf', pings, '-i', '127.0.0.1', '-p', String(far), '-cp', String(control), '-nostdin'], { cwd: stage.directory });
  const first = peer();
  const gateway = await Gateway.start(stage, trunk(place('udp', port), `peer = "sip:127.0.0.1:${far};transport=udp"`, 'options_interval = "1s"'));
  const up = async () => /warmline_line_up\{kind="trunk",via="carrier"\} 1/.test(await (await fetch(`${gateway.operations}/metrics`)).text());
  await new Promise((resolve) => setTimeout(resolve, 3_500)); // three pings that are answered
  assert.ok(await up());
  await first.stop();
  const killed = Date.now();
  const down = await stands(gateway, false, 12_000);
  assert.match(down.detail, /none of its peers answers/);
  assert.ok(Date.now() - killed < 9_000, 'three pings of a second each, and their patience');
  assert.ok(!(await up()));
  peer();
  await stands(gateway, true);
});
