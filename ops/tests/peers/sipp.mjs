// SIPp as a carrier's customer on a UDP trunk: G.711 µ-law both ways, one call a process.
import dgram from 'node:dgram';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { peak, tone, ulaw, TELEPHONE_RATE } from '../audio.mjs';
import { Capture } from '../capture.mjs';
import { until } from '../stage.mjs';

const SCENARIOS = path.join(import.meta.dirname, '..', 'scenarios');
const ADDRESS = '127.0.0.1';
const MEDIA_PORTS = 8; // SIPp takes the first free one from its start on

let ladders = 0;
let started = 0;

export class Sipp {
  /** Calls `called` at `target` (host:port); `domain` is the Request-URI's host, the target's when absent. */
  static async calls(stage, { target, called, domain = target, caller = '+919000000001', hz }) {
    const sipp = await Sipp.#start(stage, 'SIPp calling', 'uac.xml', { domain, caller, hz }, [target, '-s', called]);
    sipp.target = target;
    return sipp;
  }

  /** Waits to be called. Its address is `sipp.address`. */
  static async answers(stage, { hz }) {
    const sipp = await Sipp.#start(stage, 'SIPp answering', 'uas.xml', { domain: '-', caller: '-', hz }, []);
    await until('SIPp listens', () => isBound(sipp.port));
    return sipp;
  }

  /** Goes by a ladder, a call of its own making or one that it gets; `target` is whom it calls. `echo`: what comes to its media port goes straight back. */
  static async plays(stage, ladder, { target, called = '-', domain = target ?? '-', caller = '+919000000001', hz, transport = 'u1', ports, echo = false }) {
    const name = `SIPp that ${ladder.role}`;
    const scenario = await stage.write(`ladder-${(ladders += 1)}.xml`, ladder.scenario());
    const sipp = await Sipp.#start(stage, name, scenario, { domain, caller, hz, ports }, ['-t', transport, ...(echo ? ['-rtp_echo'] : []), ...(target ? [target, '-s', called] : [])]);
    sipp.target = target;
    if (!target) await until('SIPp listens', () => isBound(sipp.port));
    return sipp;
  }

  /** Ports of one SIPp; they may be another's after it. */
  static async ports(stage) {
    return { port: await stage.ports.take(1), media: await stage.ports.take(MEDIA_PORTS), control: await stage.ports.take(1) };
  }

  static async #start(stage, name, scenario, { domain, caller, hz, ports }, toWhom) {
    const { port, media, control } = ports ?? (await Sipp.ports(stage));
    const own = `sipp-${port}-${(started += 1)}`;
    const capture = await Capture.start(stage, name, media, media + MEDIA_PORTS - 1);
    await stage.write(`${own}/tone.ulaw`, ulaw(tone(hz, { rate: TELEPHONE_RATE, seconds: 1 })));
    await stage.write(`${own}/fields.csv`, `SEQUENTIAL\n${domain};${caller}\n`);
    const directory = path.join(stage.directory, own);
    const messages = path.join(directory, 'messages');
    const errors = path.join(directory, 'errors');
    const process = stage.process(name, 'sipp', [
      '-sf', path.resolve(SCENARIOS, scenario), '-inf', 'fields.csv', '-m', '1', '-cid_str', `${own}-%u`,
      '-i', ADDRESS, '-p', String(port), '-mi', ADDRESS, '-mp', String(media), '-cp', String(control), '-nostdin',
      '-trace_msg', '-message_file', messages, '-trace_err', '-error_file', errors, '-trace_logs', '-log_file', path.join(directory, 'reached'), ...toWhom,
    ], { cwd: directory });
    const sipp = new Sipp(process, capture, port, messages, `${own}-1`);
    sipp.media = media;
    sipp.places = path.join(directory, 'reached');
    stage.tells(async () => `--- ${name}, messages:\n${await sipp.ladder()}${await readFile(errors, 'utf8').catch(() => '')}`);
    return sipp;
  }

  cues = 0;

  constructor(process, capture, port, messages, callId) {
    Object.assign(this, { process, capture, port, messages, callId });
    this.address = `${ADDRESS}:${port}`;
  }

  /** What it hears right now; nothing while no second of audio came. */
  heard() {
    const samples = this.capture.heard();
    return samples.length < TELEPHONE_RATE / 2 ? undefined : peak(samples, TELEPHONE_RATE);
  }

  /** Every SIP message that it sent and received. */
  ladder() {
    return readFile(this.messages, 'utf8').catch(() => '');
  }

  /** The messages of it whose text matches, the ones received or the ones sent. */
  async messagesLike(way, pattern) {
    const blocks = (await this.ladder()).split(/^-{20,}.*$/m);
    return blocks.filter((block) => block.includes(`message ${way} `) && pattern.test(block));
  }

  /** Waits for such a message. */
  messageLike(way, pattern) {
    return until(`${this.process.name} has ${way} ${pattern}`, async () => (await this.messagesLike(way, pattern))[0]);
  }

  /** Waits until the ladder has come to that place. */
  reached(place, { within = 20_000 } = {}) {
    return until(`${this.process.name} reaches ${place}`, async () => {
      if ((await readFile(this.places, 'utf8').catch(() => '')).includes(`reached ${place}\n`)) return true;
      if (this.process.end) throw new Error(`${this.process.name} ended before it reached ${place}`);
      return false;
    }, { within });
  }

  /** Whether nothing but silence, or nothing at all, arrives for a while. */
  hearsNothing() {
    return this.capture.isStill();
  }

  /** Gives the cue for which the ladder waits. */
  goOn() {
    return this.hangUp();
  }

  /** Gives the cue for which the calling scenario waits: it sends BYE. */
  async hangUp() {
    const callId = this.target ? this.callId : /^Call-ID: *(\S+)/mi.exec(await this.ladder())?.[1];
    // Each one differs, or SIPp takes it for the last one's retransmission and repeats its own last request.
    const cue = [
      `NOTIFY sip:trunk@${this.address} SIP/2.0`, `Via: SIP/2.0/UDP ${ADDRESS};branch=z9hG4bKcue${(this.cues += 1)}`, 'From: <sip:stage@example.com>;tag=cue',
      `To: <sip:trunk@${this.address}>`, `Call-ID: ${callId}`, `CSeq: ${this.cues} NOTIFY`, 'Max-Forwards: 70', 'Content-Length: 0', '', '',
    ].join('\r\n');
    const socket = dgram.createSocket('udp4');
    await new Promise((resolve, reject) => socket.send(cue, this.port, ADDRESS, (error) => (error ? reject(error) : resolve())));
    socket.close();
  }

  /** Resolves when its one call ended as the scenario wants; an error when it ended otherwise. */
  async done() {
    const { code } = await this.process.exit();
    if (code !== 0) throw new Error(`${this.process.name}: its call didn't go by the scenario (exit code ${code})`);
  }
}

// SIPp doesn't say when it listens; the kernel does.
async function isBound(port) {
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  const tables = await Promise.all(['udp', 'tcp'].map((table) => readFile(`/proc/net/${table}`, 'utf8')));
  return tables.some((table) => table.includes(`:${hex} `));
}
