// A SIP peer by hand, for what no real one does on purpose: it says and hears whole messages over UDP, TCP or TLS.
import dgram from 'node:dgram';
import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';

const ADDRESS = '127.0.0.1';
const DEADLINE_MS = 10_000;
let serial = 0;

/** A request outside of dialogs; `headers` are further lines. */
export function request(method, { transport, uri = 'sip:127.0.0.1', from = '+919000000001', headers = [], body = '' }) {
  const id = `${process.pid}-${++serial}`;
  return [
    `${method} ${uri} SIP/2.0`, `Via: SIP/2.0/${transport.toUpperCase()} ${ADDRESS}:5999;branch=z9hG4bK${id};rport`, `From: <sip:${from}@example.com>;tag=${id}`,
    `To: <${uri}>`, `Call-ID: ${id}`, `CSeq: 1 ${method}`, `Contact: <sip:${from}@${ADDRESS}:5999>`, 'Max-Forwards: 70', ...headers, `Content-Length: ${Buffer.byteLength(body)}`, '', body,
  ].join('\r\n');
}

/** The answer to a request, with what every answer copies. */
export function answer(message, status) {
  const copied = message.split('\r\n').filter((line) => /^(Via|From|To|Call-ID|CSeq):/i.test(line));
  return [`SIP/2.0 ${status}`, ...copied, 'Content-Length: 0', '', ''].join('\r\n');
}

export const statusOf = (message) => Number(/^SIP\/2\.0 (\d+)/.exec(message)?.[1]);
export const branchOf = (message) => /branch=([^;\s]+)/.exec(message)?.[1];

/** One connection, or one UDP socket bound to a peer. */
export class SipPeer {
  heard = [];
  #waiting = new Set();
  #rest = '';

  static async tcp(port) {
    const socket = net.connect({ port, host: ADDRESS });
    await once(socket, 'connect');
    return SipPeer.on(socket);
  }

  static async tls(port, authority, servername) {
    const socket = tls.connect({ port, host: ADDRESS, ca: authority, servername });
    await once(socket, 'secureConnect');
    return SipPeer.on(socket);
  }

  static async udp(port) {
    const socket = dgram.createSocket('udp4');
    socket.connect(port, ADDRESS);
    await once(socket, 'connect');
    const peer = new SipPeer((text) => socket.send(text), () => socket.close());
    peer.port = socket.address().port;
    socket.on('message', (bytes) => peer.#hear(String(bytes)));
    socket.on('error', () => {});
    return peer;
  }

  static on(socket) {
    const peer = new SipPeer((text) => socket.write(text), () => socket.destroy());
    peer.socket = socket;
    peer.closed = new Promise((resolve) => socket.on('close', resolve));
    socket.on('error', () => {});
    socket.setEncoding('latin1').on('data', (text) => peer.#frame(text));
    return peer;
  }

  constructor(send, close) {
    this.send = send;
    this.close = close;
  }

  /** Sends a request and waits for its final answer. */
  async ask(method, options) {
    const text = request(method, options);
    this.send(text);
    return this.hears((message) => branchOf(message) === branchOf(text) && statusOf(message) >= 200);
  }

  /** The first message, past or future, that is wanted. */
  hears(wanted, { within = DEADLINE_MS } = {}) {
    return new Promise((resolve, reject) => {
      const look = () => {
        const found = this.heard.find(wanted);
        if (found === undefined) return;
        clearTimeout(timer);
        this.#waiting.delete(look);
        resolve(found);
      };
      const timer = setTimeout(() => reject(new Error(`not heard within ${within} ms; heard:\n${this.heard.join('\n')}`)), within);
      this.#waiting.add(look);
      look();
    });
  }

  #frame(text) {
    this.#rest += text;
    for (;;) {
      this.#rest = this.#rest.replace(/^(\r\n)+/, '');
      const head = this.#rest.indexOf('\r\n\r\n');
      if (head < 0) return;
      const length = Number(/^(?:Content-Length|l)\s*:\s*(\d+)/im.exec(this.#rest.slice(0, head))?.[1] ?? 0);
      const end = head + 4 + length;
      if (this.#rest.length < end) return;
      this.#hear(this.#rest.slice(0, end));
      this.#rest = this.#rest.slice(end);
    }
  }

  #hear(message) {
    this.heard.push(message);
    for (const look of [...this.#waiting]) look();
    this.onMessage?.(message);
  }
}

/** Listens for connections and answers each request by what `reply(message)` says (`undefined`: not at all). */
export async function listens(stage, { port, secure, reply }) {
  const peers = [];
  const take = (socket) => {
    const peer = SipPeer.on(socket);
    peer.onMessage = (message) => {
      const status = statusOf(message) ? undefined : reply(message);
      if (status) peer.send(answer(message, status));
    };
    peers.push(peer);
  };
  const server = secure ? tls.createServer(secure, take) : net.createServer(take);
  server.listen(port, ADDRESS);
  await once(server, 'listening');
  stage.leaves(() => {
    for (const peer of peers) peer.close();
    server.close();
  });
  return { peers, close: () => { for (const peer of peers) peer.close(); server.close(); } };
}
