// What really arrived at an RTP port on loopback. SIPp plays audio but doesn't tell what it receives, so a capture listens beside it.
import { decodeAlaw, decodeUlaw, peak, TELEPHONE_RATE } from './audio.mjs';

const RECORD_HEADER = 16;
const FILE_HEADER = 24;
const ETHERNET = 14;
const PAYLOAD_TYPES = { 0: decodeUlaw, 8: decodeAlaw };
const KEPT_SAMPLES = 16_384;
const KEPT_PACKETS = 500;
const SETTLING_MS = 150; // what was on its way when the call changed
const LISTENING_MS = 1000; // dumpcap tells what it has about twice a second
const SILENCE_DB = -60;

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

export class Capture {
  /** Listens to UDP towards the ports `first…last`; resolves when the capture runs. */
  static async start(stage, name, first, last) {
    const capture = new Capture();
    const process = stage.process(`capture of ${name}`, 'dumpcap', ['-q', '-P', '-i', 'lo', '-f', `udp dst portrange ${first}-${last}`, '-w', '-'], {
      output: (bytes) => capture.#feed(bytes),
    });
    await process.line(/^File: /);
    return capture;
  }

  rest = Buffer.alloc(0);
  header = false;
  packets = 0;
  since = 0;
  ports = new Map(); // packets of audio by the port that they went to
  samples = [];
  /** When each packet of the last seconds came, epoch milliseconds, and its samples. */
  arrivals = [];

  /** The last seconds heard, samples at 8 kHz. Gaps in the RTP are not filled. */
  heard(seconds = 1) {
    return this.samples.slice(-Math.round(seconds * 8000));
  }

  /** Forgets what came before, also what dumpcap still holds of it, so that a measurement is of now. */
  forget() {
    this.samples = [];
    this.arrivals = [];
    this.since = Date.now();
  }

  /** Whether, from now on, nothing but silence or nothing at all arrives for a while. */
  async isStill() {
    await pause(SETTLING_MS);
    this.forget();
    await pause(LISTENING_MS);
    return this.samples.length === 0 || peak(this.samples, TELEPHONE_RATE).level < SILENCE_DB;
  }

  #feed(bytes) {
    this.rest = Buffer.concat([this.rest, bytes]);
    if (!this.header) {
      if (this.rest.length < FILE_HEADER) return;
      this.rest = this.rest.subarray(FILE_HEADER);
      this.header = true;
    }
    while (this.rest.length >= RECORD_HEADER) {
      const length = this.rest.readUInt32LE(8);
      if (this.rest.length < RECORD_HEADER + length) return;
      const at = this.rest.readUInt32LE(0) * 1000 + this.rest.readUInt32LE(4) / 1000;
      if (at >= this.since) this.#frame(this.rest.subarray(RECORD_HEADER, RECORD_HEADER + length), at);
      this.rest = this.rest.subarray(RECORD_HEADER + length);
    }
  }

  #frame(frame, at) {
    const ip = frame.subarray(ETHERNET);
    const udp = ip.subarray((ip[0] & 0x0f) * 4);
    const rtp = udp.subarray(8);
    if (rtp.length < 12 || rtp[0] >> 6 !== 2) return;
    const decode = PAYLOAD_TYPES[rtp[1] & 0x7f];
    if (!decode) return;
    this.packets += 1;
    const port = udp.readUInt16BE(2);
    this.ports.set(port, (this.ports.get(port) ?? 0) + 1);
    const samples = Array.from(rtp.subarray(12 + (rtp[0] & 0x0f) * 4), decode);
    this.samples.push(...samples);
    this.arrivals.push({ at, samples });
    if (this.arrivals.length > 2 * KEPT_PACKETS) this.arrivals.splice(0, this.arrivals.length - KEPT_PACKETS);
    if (this.samples.length > 2 * KEPT_SAMPLES) this.samples.splice(0, this.samples.length - KEPT_SAMPLES);
  }
}
