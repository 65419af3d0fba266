// The public listener with a certificate of its own: pages, API and sockets by TLS, a renewal without a restart, and those who don't speak it.
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import https from 'node:https';
import { connect } from 'node:net';
import tls from 'node:tls';
import WebSocket from 'ws';
import { certificate } from './certificate.mjs';
import { Desk } from './peers/desk.mjs';
import { binary, Gateway } from './peers/gateway.mjs';
import { Provider } from './peers/provider.mjs';
import { run } from './process.mjs';
import { hears, staged, until } from './stage.mjs';

const AGENT = `
[[agent]]
id = "agent7"
name = "Asha"
extension = "500607"
agent_id = "agent7"
agent_unique_id = 100207
campaign = "300401"
`;
const CUSTOMER = '+919000000010';
const SECURED_WITHIN_MS = 10_000;

async function stand(stage) {
  const made = await certificate(stage);
  const provider = await Provider.start(stage);
  const gateway = await Gateway.start(stage, provider.section() + AGENT, { http: `tls_cert = "${made.certFile}"\ntls_key = "${made.keyFile}"` });
  return { ...made, provider, gateway };
}

/** The body of a `GET`, and who answered. */
function get(url, { ca, headers }) {
  return new Promise((resolve, reject) => {
    https.get(url, { ca, headers, agent: false }, async (response) => {
      const shown = response.socket.getPeerX509Certificate();
      const parts = await response.toArray();
      resolve({ status: response.statusCode, body: Buffer.concat(parts).toString(), shown });
    }).on('error', reject);
  });
}

staged('desk, API and agents\' socket are there by https; a call is heard both ways', async (stage) => {
  const { cert, provider, gateway } = await stand(stage);
  assert.match(gateway.url, /^https:/);
  const token = await gateway.token('agent7');
  const { status, body } = await get(`${gateway.url}/v1/agents`, { ca: cert, headers: { authorization: `Bearer ${token}` } });
  assert.equal(status, 200, body);

  const page = new WebSocket(`${gateway.url.replace('https', 'wss')}/v1/agent`, 'warmline.agent.v1', { origin: gateway.url, ca: cert });
  await once(page, 'open');
  page.terminate();

  const desk = await Desk.open(stage, gateway, { agent: 'agent7', hz: 700 });
  assert.equal(await desk.page.evaluate(() => globalThis.isSecureContext), true);
  await desk.dial(CUSTOMER);
  await desk.card('connected');
  const { ucid } = await provider.call(CUSTOMER.replace('+91', ''));
  await hears('the agent', 440, () => desk.heard());
  await hears('the customer', 700, () => provider.heard(ucid));
  await desk.click('end');
});

staged('a renewed certificate is shown without a restart, half of one is not', async (stage) => {
  const { cert, gateway } = await stand(stage);
  const before = new X509Certificate(cert).fingerprint256;
  const shown = async (ca) => (await get(`${gateway.url}/v1/version`, { ca })).shown.fingerprint256;
  assert.equal(await shown(cert), before);
  const held = await new Promise((resolve) => {
    const socket = tls.connect({ port: gateway.port, host: '127.0.0.1', ca: cert }, () => resolve(socket));
  });

  const renewed = await certificate(stage);
  const after = new X509Certificate(renewed.cert).fingerprint256;
  const either = [cert, renewed.cert];
  await until('the renewed one is shown', async () => (await shown(either)) === after, { within: 20_000 });
  held.write('GET /v1/version HTTP/1.1\r\nHost: localhost\r\n\r\n');
  assert.match(String((await once(held, 'data'))[0]), /^HTTP\/1\.1 200/, 'who was connected still is');
  held.destroy();

  await stage.write('cert.pem', 'no certificate');
  const told = () => gateway.process.lines.some((line) => /has changed and can't be used; the one before is shown/.test(line));
  await until('the unusable one is told of', async () => {
    assert.equal(await shown(either), after);
    return told();
  }, { within: 20_000 });
});

staged('who doesn\'t speak TLS, or begins it and falls silent, is let go; others notice nothing', async (stage) => {
  const { cert, gateway } = await stand(stage);
  const begun = Date.now();
  const silent = connect(gateway.port, '127.0.0.1');
  const plain = connect(gateway.port, '127.0.0.1');
  plain.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
  plain.on('error', () => {});
  await once(plain.resume(), 'close');
  assert.equal((await get(`${gateway.url}/v1/version`, { ca: cert })).status, 200);
  await once(silent.resume(), 'close');
  const took = Date.now() - begun;
  assert.ok(took > SECURED_WITHIN_MS - 1000 && took < 2 * SECURED_WITHIN_MS, `let go after ${took} ms`);
});

staged('a certificate that can\'t be used is told before anything is bound', async (stage) => {
  const { gateway } = await stand(stage);
  await stage.write('key.pem', 'no key');
  const { code, stderr } = await run('check', binary('warmline'), ['check', gateway.configuration]);
  assert.equal(code, 1, stderr);
  assert.match(stderr, /http\.tls_cert: .*key\.pem can't be used as a certificate/);
});
