// A browser softphone that nobody here wrote: JsSIP in Chromium, registered at Kamailio over WSS.
import http from 'node:http';
import { once } from 'node:events';
import path from 'node:path';
import { build } from 'esbuild';
import { until } from '../stage.mjs';
import { heardIn, launch } from './browser.mjs';

const LIBRARY = path.join(import.meta.dirname, '..', 'node_modules', 'jssip', 'lib', 'JsSIP.js');

export class JsSip {
  /** A softphone of that user at Kamailio, the microphone saying `hz`. It answers what it is called, unless told otherwise. */
  static async start(stage, kamailio, { user, hz }) {
    const { outputFiles } = await build({ entryPoints: [LIBRARY], bundle: true, format: 'iife', globalName: 'JsSIP', write: false, logLevel: 'error' });
    const server = http.createServer((request, response) => {
      const [type, body] = request.url === '/jssip.js' ? ['text/javascript', outputFiles[0].text] : ['text/html', '<!doctype html><meta charset="utf-8"><script src="/jssip.js"></script>'];
      response.writeHead(200, { 'content-type': type }).end(body);
    });
    server.listen(await stage.ports.take(1), '127.0.0.1');
    stage.leaves(() => void server.close());
    await once(server, 'listening');
    const browser = await launch(stage, hz);
    const page = await (await browser.newContext({ ignoreHTTPSErrors: true })).newPage();
    const softphone = new JsSip(page, kamailio.domain);
    page.on('console', (message) => softphone.said.push(message.text()));
    stage.tells(async () => ['--- JsSIP:', JSON.stringify(await softphone.#events()), ...softphone.said.slice(-40)].join('\n'));
    await page.goto(`http://127.0.0.1:${server.address().port}/`);
    await page.evaluate(run, { user, domain: kamailio.domain, password: kamailio.password, registrar: kamailio.registrar });
    await softphone.event('registered');
    return softphone;
  }

  said = [];

  constructor(page, domain) {
    Object.assign(this, { page, domain });
  }

  call(user) {
    return this.page.evaluate((target) => void globalThis.softphone.call(target), `sip:${user}@${this.domain}`);
  }

  hangUp() {
    return this.page.evaluate(() => globalThis.softphone.session.terminate());
  }

  /** Holds, or takes back; resolves when the far end has agreed. */
  hold(on) {
    return this.page.evaluate((held) => new Promise((resolve) => globalThis.softphone.session[held ? 'hold' : 'unhold']({}, resolve)), on);
  }

  /** Presses a key; it goes as an INFO, and resolves with whether the far end took it. */
  press(digit) {
    return this.page.evaluate((key) => new Promise((resolve) => {
      const { session } = globalThis.softphone;
      session.once('newDTMF', ({ dtmf }) => {
        dtmf.on('succeeded', () => resolve('taken'));
        dtmf.on('failed', () => resolve('refused'));
      });
      session.sendDTMF(key, { transportType: 'INFO' });
    }), digit);
  }

  /** Waits until that has happened, such as `confirmed` or `ended`. */
  event(name) {
    return until(`JsSIP is ${name}`, async () => (await this.#events()).includes(name));
  }

  /** What it hears right now. */
  heard() {
    return heardIn(this.page, 'globalThis.softphone.heard');
  }

  #events() {
    return this.page.evaluate(() => globalThis.softphone?.events ?? []);
  }
}

// Runs in the page.
function run({ user, domain, password, registrar }) {
  const softphone = { events: [] };
  const agent = new JsSIP.UA({ sockets: [new JsSIP.WebSocketInterface(registrar)], uri: `sip:${user}@${domain}`, password });
  const options = { mediaConstraints: { audio: true, video: false }, pcConfig: { iceServers: [] } };
  agent.on('registered', () => softphone.events.push('registered'));
  agent.on('registrationFailed', ({ cause }) => softphone.events.push(`registration failed: ${cause}`));
  agent.on('newRTCSession', ({ session }) => {
    softphone.session = session;
    softphone.events = ['registered'];
    for (const event of ['progress', 'accepted', 'confirmed', 'ended', 'failed']) {
      session.on(event, (data) => softphone.events.push(event, ...(data?.cause ? [data.cause] : [])));
    }
    const listen = (connection) => connection.addEventListener('track', ({ track }) => {
      softphone.heard = new MediaStream([track]);
      // Chromium feeds Web Audio from a connection only while an element plays it, too.
      softphone.loudspeaker = Object.assign(new Audio(), { srcObject: softphone.heard, autoplay: true });
    });
    if (session.connection) listen(session.connection);
    else session.on('peerconnection', ({ peerconnection }) => listen(peerconnection));
    if (session.direction === 'incoming') session.answer(options);
  });
  softphone.call = (target) => agent.call(target, options);
  globalThis.softphone = softphone;
  agent.start();
}
