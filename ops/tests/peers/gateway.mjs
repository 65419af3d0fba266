// The gateway itself, as its operator runs it: `warmline serve --config`, its HTTP interface, and its desk's address.
import path from 'node:path';
import { run } from '../process.mjs';
import { until } from '../stage.mjs';

const ROOT = path.join(import.meta.dirname, '..', '..', '..');
const TARGET = process.env.CARGO_TARGET_DIR ?? path.join(ROOT, 'target');
const RTP_PORTS = 40;
// A stage that closes doesn't wait for calls that a test left open.
const AT_ONCE = { WARMLINE__LIMITS__DRAIN_TIMEOUT: '0s' };

/** The binary of one of the workspace's programs, built before the tests run. */
export const binary = (name) => path.join(TARGET, 'debug', name);

export class Gateway {
  /** Starts with `sections`, TOML that follows the parts which every test needs. `address`: where desks and audio reach it; `media`, `http`: more of those sections. */
  static async start(stage, sections, { rtpPorts = RTP_PORTS, log, environment, origins = [], address = '127.0.0.1', media = '', http = '' } = {}) {
    const gateway = new Gateway(stage, await stage.ports.take(1), await stage.ports.take(1), address);
    const rtp = await stage.ports.take(rtpPorts);
    gateway.rtpPort = rtp;
    if (/tls_cert/.test(http)) gateway.url = gateway.url.replace('http:', 'https:');
    gateway.configuration = await stage.write('warmline.toml', `
[http]
listen = "${address}:${gateway.port}"
operations = "127.0.0.1:${gateway.operationsPort}"
allowed_origins = ${JSON.stringify(origins)}
${http}

[auth]
hs256_secret = "a secret of the stage, thirty-two bytes or more"

[media]
public_ip = "${address}"
webrtc_port = ${(gateway.webrtcPort = await stage.ports.take(1))}
rtp_ports = "${rtp}-${rtp + rtpPorts - 1}"
workers = 1
pinning = "off"
${media}

${sections}`);
    Object.assign(gateway, { log, environment });
    await gateway.again();
    return gateway;
  }

  /** Starts it, a second time too: with the configuration and the records that are there. */
  async again() {
    this.process = this.stage.process('warmline', binary('warmline'), ['serve', '--config', this.configuration], {
      env: { ...AT_ONCE, ...process.env, ...this.environment, RUST_LOG: this.log ?? process.env.RUST_LOG ?? 'info,gateway=debug,signaling=debug,media=debug' },
    });
    await until('the gateway serves', () => this.#serves());
  }

  /** Ends it as a crash does, or as its operator does. */
  async end(signal = 'SIGKILL') {
    this.process.child.kill(signal);
    await this.process.exit();
  }

  constructor(stage, port, operationsPort, address) {
    Object.assign(this, { stage, port, operationsPort });
    this.url = `http://${address}:${port}`;
    this.operations = `http://127.0.0.1:${operationsPort}`;
  }

  async #serves() {
    if (this.process.end) throw new Error('the gateway ended before it served');
    return fetch(`${this.operations}/livez`).then((response) => response.ok, () => false);
  }

  /** A token as the operator mints it. */
  async token(agent, ...more) {
    const { code, stdout, stderr } = await run('token mint', binary('warmline'), ['token', 'mint', '--agent', agent, '--config', this.configuration, ...more]);
    if (code !== 0) throw new Error(`token mint: ${stderr}`);
    return stdout.trim();
  }

  /** Each of these agents' names with a token, as a back end gets them. */
  async tokens(agents) {
    const admin = await this.token('floor', '--scope', 'admin');
    const minted = async (agent) => {
      const { token } = await this.api(admin, `/v1/agents/${agent}/token`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' });
      return [agent, token];
    };
    return Promise.all(agents.map(minted));
  }

  /** `GET` of the API in the name of an agent. */
  async api(token, where, options = {}) {
    const response = await fetch(this.url + where, { ...options, headers: { authorization: `Bearer ${token}`, ...options.headers } });
    const body = await response.text();
    if (!response.ok) throw new Error(`${where}: ${response.status} ${body}`);
    return JSON.parse(body);
  }

  /** A call's view once it is over. The page draws a call before the gateway has heard of it, so at first there may be none. */
  ended(token, call) {
    const view = () => this.api(token, `/v1/calls/${call}`).catch((refusal) => (/: 404 /.test(refusal.message) ? {} : Promise.reject(refusal)));
    return until(`${call} ends`, async () => {
      const shown = await view();
      return shown.ended && shown;
    }, { within: 40_000 });
  }

  /** What it says to its operator: each metric's name to the sum of its samples. */
  async metrics() {
    const text = await (await fetch(`${this.operations}/metrics`)).text();
    const sums = new Map();
    for (const line of text.split('\n')) {
      const [, name, value] = /^([a-z_]+)(?:\{.*\})? (\S+)$/.exec(line) ?? [];
      if (name) sums.set(name, (sums.get(name) ?? 0) + Number(value));
    }
    return sums;
  }

  /** One counter's samples by the value of one of its labels. */
  async samples(name, label) {
    const text = await (await fetch(`${this.operations}/metrics`)).text();
    const sample = new RegExp(`^${name}\\{.*${label}="([^"]*)".*\\} (\\S+)$`);
    const found = text.split('\n').map((line) => sample.exec(line)).filter(Boolean);
    return new Map(found.map(([, value, count]) => [value, Number(count)]));
  }

  /** Waits until calls hold nothing any more; `legs` are those of the agents' pages. */
  async settled({ legs = 0, within = 10_000 } = {}) {
    const held = { warmline_calls_active: 0, warmline_dialogs: 0, warmline_expectations_open: 0, warmline_bridges: 0, warmline_rtp_ports_leased: 0, warmline_legs: legs };
    let left;
    const clean = async () => {
      const metrics = await this.metrics();
      left = Object.entries(held).filter(([name, count]) => (metrics.get(name) ?? 0) !== count).map(([name]) => `${name} ${metrics.get(name)}`);
      return left.length === 0;
    };
    await until('calls hold nothing', clean, { within }).catch((error) => {
      throw new Error(`${error.message}: ${left}`, { cause: error });
    });
  }

  /** Waits until there are so many media legs, agents' and customers' together, and no more. */
  settledLegs(count, { within = 10_000 } = {}) {
    return until(`${count} legs are left`, async () => (await this.metrics()).get('warmline_legs') === count, { within });
  }

  /** The live calls that the gateway counts for its operator, over all directions. */
  async activeCalls() {
    const metrics = await (await fetch(`${this.operations}/metrics`)).text();
    const samples = metrics.split('\n').filter((line) => line.startsWith('warmline_calls_active'));
    return samples.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
  }

  /** Places a call in the agent's name, as a back end does. */
  place(token, call) {
    return this.api(token, '/v1/calls', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(call) });
  }

  /** For how long customers who were up heard neither agent nor prompt: how often, and how often for a quarter of a second at most. */
  async deadAir() {
    const metrics = await (await fetch(`${this.operations}/metrics`)).text();
    const value = (start) => Number(metrics.split('\n').find((line) => line.startsWith(start))?.split(' ').at(-1) ?? 0);
    return {
      times: value('warmline_dead_air_seconds_count{side="customer"}'),
      short: value('warmline_dead_air_seconds_bucket{side="customer",le="0.25"}'),
      seconds: value('warmline_dead_air_seconds_sum{side="customer"}'),
    };
  }
}
