// A bucket: moto's S3 server. What is in it is gone with its process, so in an outage the process stays, and the port in front of it is closed.
import net from 'node:net';
import { once } from 'node:events';
import { until } from '../stage.mjs';
import { python } from './python.mjs';

// The server wants to be signed to, and doesn't check it.
const SIGNED = { authorization: 'AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0' };

export class Bucket {
  static async start(stage, name = 'recordings') {
    const port = await stage.ports.take(1);
    const front = await stage.ports.take(1);
    stage.process('moto', await python(), ['-m', 'moto.server', '-H', '127.0.0.1', '-p', String(port)]);
    const bucket = new Bucket(name, port, front);
    await until('the S3 server answers', () => fetch(`http://127.0.0.1:${port}/`).then(() => true, () => false), { within: 60_000 });
    await bucket.ask('', { method: 'PUT' });
    await bucket.open();
    stage.leaves(() => bucket.close());
    return bucket;
  }

  constructor(name, port, front) {
    Object.assign(this, { name, port, front, sockets: new Set() });
  }

  /** Where the gateway finds it, for as long as it is open. */
  get environment() {
    return { AWS_ENDPOINT: `http://127.0.0.1:${this.front}`, AWS_ALLOW_HTTP: 'true', AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test', AWS_REGION: 'us-east-1' };
  }

  async open() {
    this.server = net.createServer((inner) => {
      const outer = net.connect(this.port, '127.0.0.1');
      for (const [one, other] of [[inner, outer], [outer, inner]]) {
        this.sockets.add(one);
        one.on('close', () => this.sockets.delete(one) && other.destroy()).on('error', () => other.destroy());
        one.pipe(other);
      }
    });
    this.server.listen(this.front, '127.0.0.1');
    await once(this.server, 'listening');
  }

  /** An outage. */
  async close() {
    if (!this.server?.listening) return;
    const closed = once(this.server, 'close');
    this.server.close();
    for (const socket of this.sockets) socket.destroy();
    await closed;
  }

  /** Asks the server itself, behind the gateway's back. */
  async ask(what, { headers, ...options } = {}) {
    const response = await fetch(`http://127.0.0.1:${this.port}/${this.name}${what}`, { ...options, headers: { ...SIGNED, ...headers } });
    if (!response.ok) throw new Error(`${what}: ${response.status} ${await response.text()}`);
    return response;
  }

  /** The keys of all objects. */
  async keys() {
    const text = await (await this.ask('?list-type=2')).text();
    return [...text.matchAll(/<Key>([^<]*)<\/Key>/g)].map(([, key]) => decodeURIComponent(key));
  }

  async read(key) {
    return Buffer.from(await (await this.ask(`/${encodeURI(key)}`)).arrayBuffer());
  }

  write(key, body) {
    return this.ask(`/${encodeURI(key)}`, { method: 'PUT', body, headers: { 'content-type': 'application/octet-stream' } });
  }
}
