// Whoever receives webhooks: keeps what came, and answers as it is told.
import { once } from 'node:events';
import http from 'node:http';
import { run } from '../process.mjs';
import { python } from './python.mjs';

export class Receiver {
  static async start(stage) {
    const receiver = new Receiver(await stage.ports.take(1));
    await receiver.listen();
    stage.leaves(() => receiver.close());
    stage.tells(() => `--- the webhook's receiver heard ${receiver.kinds().join(', ') || 'nothing'}`);
    return receiver;
  }

  constructor(port) {
    Object.assign(this, { port, status: 200, heard: [], url: `http://127.0.0.1:${port}/events` });
  }

  async listen() {
    this.server = http.createServer(async (request, response) => {
      const chunks = [];
      for await (const chunk of request) chunks.push(chunk);
      const body = Buffer.concat(chunks).toString();
      this.heard.push({ headers: request.headers, body, event: JSON.parse(body), answered: this.status });
      response.writeHead(this.status).end();
    });
    this.server.listen(this.port, '127.0.0.1');
    await once(this.server, 'listening');
  }

  async close() {
    this.server.closeAllConnections();
    this.server.close();
  }

  /** Those that were taken. */
  taken() {
    return this.heard.filter(({ answered }) => answered === 200);
  }

  /** The types of those that were taken, without their prefix. */
  kinds() {
    return this.taken().map(({ event }) => event.type.replace('io.warmline.', ''));
  }
}

/** What the specification's own library says of a delivery; its words when it refuses. */
export async function verified(secret, { headers, body }) {
  const given = JSON.stringify({ secret, body, headers: Object.fromEntries(Object.entries(headers).filter(([name]) => name.startsWith('webhook-'))) });
  const script = 'import json,sys\nfrom standardwebhooks import Webhook\ngiven=json.loads(sys.argv[1])\nWebhook(given["secret"]).verify(given["body"], given["headers"])\nprint("verified")';
  const { stdout, stderr } = await run('standardwebhooks', await python(), ['-c', script, given]);
  return stdout.trim() || stderr;
}
