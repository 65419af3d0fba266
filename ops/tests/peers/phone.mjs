// A customer's phone by hand, for what no real one does on purpose: it goes on sending audio after it has hung up.
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
    const audio = dgram.createSocket('udp4');
    audio.bind(0, ADDRESS);
    await once(audio, 'listening');
    const phone = new Phone(await SipPeer.udp(port), audio);
    stage.leaves(() => phone.#close());
    const local = audio.address().port;
    const sdp = ['v=0', `o=- 1 1 IN IP4 ${ADDRESS}`, 's=-', `c=IN IP4 ${ADDRESS}`, 't=0 0', `m=audio ${local} RTP/AVP 0`, 'a=sendrecv', ''].join('\r\n');
    phone.to = `<sip:${called}@${ADDRESS}:${port}>`;
    phone.uri = `sip:${called}@${ADDRESS}:${port}`;
    phone.#request('INVITE', 1, sdp);
    const answer = await phone.sip.hears((message) => /CSeq: 1 INVITE/i.test(message) && statusOf(message) >= 200, { within: 30_000 });
    if (statusOf(answer) !== 200) throw new Error(`the call was refused: ${answer}`);
    phone.to = /^To: *(.*)$/im.exec(answer)[1].trim();
    phone.uri = /^Contact: *<([^>]+)>/im.exec(answer)[1];
    phone.#request('ACK', 1);
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

  #speak(hz, { address, port }) {
    const voice = ulaw(tone(hz, { rate: 8000, seconds: 1 }));
    this.remote = { address, port };
    let frame = 0;
    this.timer = setInterval(() => {
      const header = Buffer.alloc(12);
      header.writeUInt8(0x80, 0);
      header.writeUInt16BE(frame & 0xffff, 2);
      header.writeUInt32BE(frame * 160, 4);
      header.writeUInt32BE(SSRC, 8);
      const start = (frame * 160) % voice.length;
      this.audio.send(Buffer.concat([header, voice.subarray(start, start + 160)]), port, address, () => {});
      frame += 1;
    }, FRAME_MS);
  }

  #request(method, sequence, body = '') {
    this.sip.send([
      `${method} ${this.uri} SIP/2.0`, `Via: SIP/2.0/UDP ${ADDRESS}:5999;branch=z9hG4bK${this.id}-${method};rport`, 'Max-Forwards: 70',
      `From: <sip:+919000000009@example.com>;tag=${this.id}`, `To: ${this.to}`, `Call-ID: ${this.id}`, `CSeq: ${sequence} ${method}`,
      `Contact: <sip:phone@${ADDRESS}:5999>`, ...(body ? ['Content-Type: application/sdp'] : []), `Content-Length: ${Buffer.byteLength(body)}`, '', body,
    ].join('\r\n'));
  }

  #close() {
    clearInterval(this.timer);
    this.audio.close();
    this.sip.close();
  }
}
