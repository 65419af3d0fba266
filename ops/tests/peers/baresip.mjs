// baresip as a telephone of its own, straight on a trunk: one kind of codec, a WAV as its microphone, remote-controlled over its TCP interface.
import { once } from 'node:events';
import { mkdir, readFile, readdir } from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';
import { peak, tone, wav, TELEPHONE_RATE } from '../audio.mjs';
import { Capture } from '../capture.mjs';
import { until } from '../stage.mjs';

const ADDRESS = '127.0.0.1';
const RTP_PORTS = 8;
const MODULES = '/usr/lib/baresip/modules';
const WAV_HEADER = 44;

/** What a telephone may speak: baresip's modules, their names in its accounts, and what they want of a WAV. */
const CODECS = {
  g711: { names: 'pcmu,pcma', rate: TELEPHONE_RATE, channels: 1 },
  g722: { names: 'g722', rate: 16_000, channels: 1 },
  opus: { names: 'opus', rate: 48_000, channels: 2 },
};

export class Baresip {
  /** Starts a telephone with that number and voice; it answers every call at once. `encryption` is its own word, such as `srtp-mand`; `codec` is
   *  all that it speaks. */
  static async start(stage, { number, hz, encryption, codec = 'g711' }) {
    const { names, rate, channels } = CODECS[codec];
    const [port, control, rtp] = [await stage.ports.take(1), await stage.ports.take(1), await stage.ports.take(RTP_PORTS)];
    const directory = path.join(stage.directory, `baresip-${port}`);
    await mkdir(directory);
    const own = `baresip-${port}`;
    // aufile doesn't resample: the file's rate has to be the codec's.
    await stage.write(`${own}/voice.wav`, wav(tone(hz, { rate, seconds: 60 }), rate, channels));
    await stage.write(`${own}/accounts`, `<sip:${number}@${ADDRESS}:${port}>;regint=0;answermode=auto;audio_codecs=${names}${encryption ? `;mediaenc=${encryption}` : ''}\n`);
    await stage.write(`${own}/config`, [
      `sip_listen ${ADDRESS}:${port}`, `rtp_ports ${rtp}-${rtp + RTP_PORTS - 1}`, 'poll_method epoll', `audio_source aufile,${directory}/voice.wav`,
      `audio_player aufile,${directory}/heard.wav`, `audio_alert aufile,${directory}/alert.wav`, `module_path ${MODULES}`, `module ${codec}.so`, 'module aufile.so', 'module sndfile.so', `snd_path ${directory}`, ...(encryption ? ['module srtp.so'] : []), 'module_tmp uuid.so',
      'module_tmp account.so', 'module_app menu.so', 'module_app ctrl_tcp.so', `ctrl_tcp_listen ${ADDRESS}:${control}`, '',
    ].join('\n'));
    await stage.write(`${own}/contacts`, '');
    const capture = await Capture.start(stage, 'baresip', rtp, rtp + RTP_PORTS - 1);
    const process = stage.process('baresip', 'baresip', ['-f', directory, '-s']);
    const baresip = new Baresip(process, capture, port);
    baresip.format = { rate, channels };
    baresip.directory = directory;
    await until('baresip takes orders', () => baresip.#connect(control));
    stage.leaves(() => baresip.control.destroy());
    stage.tells(() => `--- baresip's events:\n${baresip.events.map((event) => JSON.stringify(event)).join('\n')}`);
    return baresip;
  }

  events = [];

  constructor(process, capture, port) {
    Object.assign(this, { process, capture, address: `${ADDRESS}:${port}` });
  }

  dial(uri) {
    this.#order('dial', uri);
  }

  hangUp() {
    this.#order('hangup');
  }

  /** Holds its call, or takes it back. */
  hold(on) {
    this.#order(on ? 'hold' : 'resume');
  }

  /** The first event of that type, such as `CALL_ESTABLISHED`. */
  event(type) {
    return until(`baresip tells ${type}`, () => this.events.find((event) => event.type === type));
  }

  /** What is sent to it right now, in G.711. */
  heard() {
    const samples = this.capture.heard();
    return samples.length < TELEPHONE_RATE / 2 ? undefined : peak(samples, TELEPHONE_RATE);
  }

  /** What it decodes right now, as its own recorder tells; on the wire that may be encrypted, or coded otherwise than in G.711. */
  async decoded() {
    const { rate, channels } = this.format;
    const recordings = (await readdir(this.directory)).filter((name) => name.endsWith('-dec.wav')).sort();
    if (recordings.length === 0) return undefined;
    const octets = await readFile(path.join(this.directory, recordings.at(-1)));
    const frame = 2 * channels;
    const frames = Math.floor(Math.max(0, octets.length - WAV_HEADER) / frame);
    const first = Math.max(0, frames - rate);
    const samples = Array.from({ length: frames - first }, (_, n) => octets.readInt16LE(WAV_HEADER + (first + n) * frame) / 32768);
    return samples.length < rate / 2 ? undefined : peak(samples, rate);
  }

  async #connect(port) {
    const socket = net.connect(port, ADDRESS);
    const [error] = await Promise.race([once(socket, 'connect'), once(socket, 'error').then(([error]) => [error])]).catch((error) => [error]);
    if (error) return false;
    this.control = socket.on('error', () => undefined);
    let rest = Buffer.alloc(0);
    socket.on('data', (bytes) => {
      rest = Buffer.concat([rest, bytes]);
      for (;;) {
        const colon = rest.indexOf(':');
        const length = Number(rest.subarray(0, Math.max(colon, 0)).toString());
        if (colon < 0 || rest.length < colon + 2 + length) return;
        const frame = JSON.parse(rest.subarray(colon + 1, colon + 1 + length));
        if (frame.event) this.events.push(frame);
        rest = rest.subarray(colon + 2 + length);
      }
    });
    return true;
  }

  // A netstring (https://cr.yp.to/proto/netstrings.txt) of JSON.
  #order(command, params = '') {
    const text = JSON.stringify({ command, params });
    this.control.write(`${Buffer.byteLength(text)}:${text},`);
  }
}
