// A carrier on a UDP trunk that answers every INVITE with the one answer it was told to give, and sends no audio; also one that calls and never confirms.
import dgram from 'node:dgram';
import { once } from 'node:events';

const ADDRESS = '127.0.0.1';
const G729 = ['v=0', `o=- 1 1 IN IP4 ${ADDRESS}`, 's=-', `c=IN IP4 ${ADDRESS}`, 't=0 0', 'm=audio 9 RTP/AVP 18', ''].join('\r\n');
const PCMU = G729.replace('RTP/AVP 18', 'RTP/AVP 0');

export class Refuser {
  static async start(stage) {
    const socket = dgram.createSocket('udp4');
    socket.bind(await stage.ports.take(1), ADDRESS);
    await once(socket, 'listening');
    stage.leaves(() => socket.close());
    return new Refuser(socket);
  }

  /** `{ status, phrase }`; a 200 has `sdp`: 'unusable' can't come to audio, 'mute' could, and none is ever sent. */
  answer = { status: 486, phrase: 'Busy Here' };
  /** First lines of what came. */
  heard = [];

  constructor(socket) {
    this.socket = socket;
    this.address = `${ADDRESS}:${socket.address().port}`;
    socket.on('message', (bytes, from) => this.#take(bytes.toString(), from));
  }

  #take(message, from) {
    this.heard.push(message.slice(0, message.indexOf('\r\n')));
    const method = message.slice(0, message.indexOf(' '));
    if (method === 'SIP/2.0' || method === 'ACK') return;
    const { status, phrase, sdp } = method === 'INVITE' ? this.answer : { status: 200, phrase: 'OK' };
    const copied = message.split('\r\n').filter((line) => /^(via|from|call-id|cseq):/i.test(line));
    const to = message.split('\r\n').find((line) => /^to:/i.test(line));
    const body = { unusable: G729, mute: PCMU }[sdp] ?? '';
    const lines = [
      `SIP/2.0 ${status} ${phrase}`, ...copied, /;tag=/.test(to) ? to : `${to};tag=carrier`, `Contact: <sip:${this.address}>`,
      ...(sdp ? ['Content-Type: application/sdp'] : []), `Content-Length: ${body.length}`, '', body,
    ];
    this.socket.send(lines.join('\r\n'), from.port, from.address);
  }

  /** Calls, and says nothing more whatever comes. */
  call(target, called) {
    const [host, port] = target.split(':');
    const invite = [
      `INVITE sip:${called}@${target} SIP/2.0`, `Via: SIP/2.0/UDP ${this.address};branch=z9hG4bKsilent;rport`, 'From: <sip:+919000000001@example.com>;tag=silent',
      `To: <sip:${called}@${target}>`, 'Call-ID: silent@example.com', 'CSeq: 1 INVITE', `Contact: <sip:carrier@${this.address}>`, 'Max-Forwards: 70',
      'Content-Type: application/sdp', `Content-Length: ${PCMU.length}`, '', PCMU,
    ].join('\r\n');
    this.socket.send(invite, Number(port), host);
  }
}
