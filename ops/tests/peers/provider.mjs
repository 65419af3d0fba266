// The simulated provider: token socket, SIP registrar over WSS, and customers on an independent WebRTC stack.
import path from 'node:path';
import { binary } from './gateway.mjs';
import { until } from '../stage.mjs';

const DOMAIN = 'cloud.example.com';

export class Provider {
  /** `options` are the program's own: `['--ids', 'on-probe']`. Wrap-up is short unless they say otherwise.
   *  `yields`: lets whatever is measured go first. */
  static async start(stage, more = [], { yields } = {}) {
    const options = more.includes('--wrap-up') ? more : ['--wrap-up', '1', ...more];
    const authority = path.join(stage.directory, 'provider-authority.pem');
    const key = path.join(stage.directory, 'provider-authority.key');
    const run = (where = []) => stage.process('provider', binary('warmline-loadtest'), ['provider', '--domain', DOMAIN, '--ca-out', authority, '--authority-key', key, ...options, ...where], { yields });
    const program = run();
    const addresses = JSON.parse(await program.line(/^\{.*"started"/));
    return new Provider(program, addresses, authority, run);
  }

  /** The process dies and another one takes its place, at the same addresses and without a memory. */
  async restart() {
    this.process.child.kill('SIGKILL');
    await this.process.exit();
    const at = (url) => new URL(url).host;
    const { token_url, registrar_url, control_url } = this.addresses;
    this.process = this.run(['--token', at(token_url), '--sip', at(registrar_url), '--control', at(control_url)]);
    await this.process.line(/^\{.*"started"/);
  }

  domain = DOMAIN;

  constructor(program, addresses, authority, run) {
    this.process = program;
    this.run = run;
    this.addresses = addresses;
    this.authority = authority;
  }

  /** The gateway's section for it. */
  section({ more = '' } = {}) {
    return `
[ozonetel]
customer = "acme_clinic"
websocket = "${this.addresses.token_url}"
registrar = "${this.addresses.registrar_url}"
domain = "${DOMAIN}"
tls_ca = "${this.authority}"
${more}`;
  }

  async state() {
    return (await fetch(`${this.addresses.control_url}/state`)).json();
  }

  /** The newest call to that number. */
  async call(number) {
    return until(`the provider has a call to ${number}`, async () => (await this.state()).calls.findLast((call) => call.number === number));
  }

  /** Waits until that call is over; how it ended, in the provider's word. */
  async ended(ucid) {
    const { why } = await until(`the provider's call ${ucid} ends`, async () => (await this.state()).calls.find((call) => call.ucid === ucid && call.state === 'ended'));
    return why;
  }

  /** The digits that the customer of a call has heard. */
  async digits(ucid) {
    return (await this.state()).calls.find((each) => each.ucid === ucid)?.heard?.digits;
  }

  /** What the customer of that call hears right now, as they measure it themselves. */
  async heard(ucid) {
    const call = (await this.state()).calls.find((each) => each.ucid === ucid);
    return call?.heard && { hz: call.heard.hz, share: call.heard.share, level: call.heard.level_db };
  }

  /** Frames that the agent's side sent on the token socket, oldest first, as they stood on the wire. */
  async received(type) {
    const frames = (await this.state()).frames.filter((frame) => frame.direction === 'in').map((frame) => JSON.parse(frame.text));
    return type ? frames.filter((frame) => frame.type === type) : frames;
  }

  async post(where, body) {
    const response = await fetch(this.addresses.control_url + where, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body ?? {}),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${where}: ${response.status} ${text}`);
    return text ? JSON.parse(text) : undefined;
  }
}
