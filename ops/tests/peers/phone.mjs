// A customer's phone by hand, for what no real one does on purpose: it speaks on after it has hung up, falls silent, and moves without a word.
import dgram from 'node:dgram';
import { once } from 'node:events';
import { tone, ulaw } from '../audio.mjs';
import { SipPeer, statusOf } from './sip.mjs';

const ADDRESS = '127.0.0.1';
const FRAME_MS = 20;
const SSRC = 0x0ddba11;

export class Phone {
  /** Calls `called` at the trunk's port; resolves when it was answered, with the phone speaking `hz` from then on. */
  static async calls(stage, { port, called, hz }) {
    const audio = await bound();
    const phone = new Phone(await SipPeer.udp(port), audio);
    stage.leaves(() => phone.#close());
    const local = audio.address().port;
    phone.sdp = ['v=0', `o=- 1 1 IN IP4 ${ADDRESS}`, 's=-', `c=IN IP4 ${ADDRESS}`, 't=0 0', `m=audio ${local} RTP/AVP 0`, 'a=sendrecv', ''].join('\r\n');
    phone.to = `<sip:${called}@${ADDRESS}:${port}>`;
    phone.uri = `sip:${called}@${ADDRESS}:${port}`;
    phone.#request('INVITE', 1, phone.sdp);
    const answer = await phone.sip.hears((message) => /CSeq: 1 INVITE/i.test(message) && statusOf(message) >= 200, { within: 30_000 });
    if (statusOf(answer) !== 200) throw new Error(`the call was refused: ${answer}`);
    phone.to = /^To: *(.*)$/im.exec(answer)[1].trim();
    phone.uri = /^Contact: *<([^>]+)>/im.exec(answer)[1];
    phone.#request('ACK', 1);
    phone.sip.onMessage = (message) => phone.#hear(message);
    const [, address] = /^c=IN IP4 (\S+)/m.exec(answer);
    const [, media] = /^m=audio (\d+)/m.exec(answer);
    phone.#speak(hz, { address, port: Number(media) });
    return phone;
  }

  constructor(sip, audio) {
    Object.assign(this, { sip, audio, id: `phone-${process.pid}-${audio.address().port}` });
  }

  /** Hangs up, and speaks on. */
  async hangUp() {
    this.#request('BYE', 2);
    await this.sip.hears((message) => /CSeq: 2 BYE/i.test(message) && statusOf(message) === 200);
  }

  /** Sends nothing any more, though its call is up. */
  fallsSilent() {
    clearInterval(this.timer);
  }

  /** Speaks again, from another port of its host: a NAT that forgot it. */
  async moves(hz) {
    this.audio.close();
    this.audio = await bound();
    this.#speak(hz, this.remote);
  }

  /** Frames sent so far: its numbering goes on wherever it is. */
  frame = 0;

  /** Re-INVITEs that came. */
  reinvites = 0;

  #hear(message) {
    if (!/^INVITE /.test(message)) return;
    this.reinvites += 1;
    const copied = message.split('\r\n').filter((line) => /^(Via|From|To|Call-ID|CSeq|Record-Route):/i.test(line));
    this.sip.send(['SIP/2.0 200 OK', ...copied, `Contact: <sip:phone@${ADDRESS}:${this.sip.port}>`, 'Content-Type: application/sdp', `Content-Length: ${this.sdp.length}`, '', this.sdp].join('\r\n'));
  }

  #speak(hz, { address, port }) {
    const voice = ulaw(tone(hz, { rate: 8000, seconds: 1 }));
    this.remote = { address, port };
    this.timer = setInterval(() => {
      const header = Buffer.alloc(12);
      header.writeUInt8(0x80, 0);
      header.writeUInt16BE(this.frame & 0xffff, 2);
      header.writeUInt32BE(this.frame * 160, 4);
      header.writeUInt32BE(SSRC, 8);
      const start = (this.frame * 160) % voice.length;
      this.audio.send(Buffer.concat([header, voice.subarray(start, start + 160)]), port, address, () => {});
      this.frame += 1;
    }, FRAME_MS);
  }

  #request(method, sequence, body = '') {
    this.sip.send([
      `${method} ${this.uri} SIP/2.0`, `Via: SIP/2.0/UDP ${ADDRESS}:5999;branch=z9hG4bK${this.id}-${method};rport`, 'Max-Forwards: 70',
      `From: <sip:+919000000009@example.com>;tag=${this.id}`, `To: ${this.to}`, `Call-ID: ${this.id}`, `CSeq: ${sequence} ${method}`,
      `Contact: <sip:phone@${ADDRESS}:${this.sip.port}>`, ...(body ? ['Content-Type: application/sdp'] : []), `Content-Length: ${Buffer.byteLength(body)}`, '', body,
    ].join('\r\n'));
  }

  #close() {
    clearInterval(this.timer);
    this.audio.close();
    this.sip.close();
  }
}

async function bound() {
  const socket = dgram.createSocket('udp4');
  socket.bind(0, ADDRESS);
  await once(socket, 'listening');
  return socket;
}
