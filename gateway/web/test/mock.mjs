// A gateway to develop the page against: serves the built files, speaks `warmline.agent.v1`, and does what a test tells
// it to. It knows nothing of media; whoever starts it says what answers an offer.

import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname } from 'node:path';
import { WebSocketServer } from 'ws';

const DIST = new URL('../dist', import.meta.url);
const POLICY = "default-src 'self'; media-src 'self' blob:; connect-src 'self'";
const CONTENT_TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

export class MockGateway {
  /** Everything that was asked, oldest first. */
  requests = [];
  /** Problems to answer with, by `op`, instead of `ok`. */
  refusals = {};
  /** The `op`s whose replies are held back. */
  silent = new Set();
  /** `open`, or `shut` while the gateway is away. */
  door = 'open';
  heartbeatMs = 15_000;
  session = 'session-1';
  agent = {
    id: 'agent7',
    name: 'Asha Verma',
    status: { name: 'available', since: Date.now() },
    line: 'up',
    media: 'down',
    ready: false,
    not_ready_because: 'No audio has arrived from the browser yet.',
  };
  #answer;
  #calls = new Map();
  #seq = 0;
  #sockets = new Set();
  #http = createServer((request, response) => this.#serve(request, response));

  /** `answer` takes an offer's SDP and whether it is a restart, and gives the answer's. */
  constructor(answer) {
    this.#answer = answer;
  }

  async listen(port = 0) {
    const server = new WebSocketServer({ noServer: true, handleProtocols: (offered) => [...offered][0] });
    this.#http.on('upgrade', (request, socket, head) => {
      if (this.door === 'shut' || request.url !== '/v1/agent') return socket.destroy();
      server.handleUpgrade(request, socket, head, (ws) => this.#accept(ws));
    });
    await new Promise((resolve) => this.#http.listen(port, '127.0.0.1', resolve));
    this.url = `http://127.0.0.1:${this.#http.address().port}`;
    return this;
  }

  close() {
    this.cut();
    this.#http.closeAllConnections();
    return new Promise((resolve) => this.#http.close(resolve));
  }

  /** Breaks every socket without a word, as a lost network does. */
  cut() {
    for (const ws of this.#sockets) ws.terminate();
  }

  /** Changes the agent and tells the page. */
  tellAgent(change) {
    this.agent = { ...this.agent, ...change };
    this.send({ ev: 'agent', agent: this.agent });
  }

  /** Makes or changes a call and tells the page. */
  tellCall(id, change) {
    const before = this.#calls.get(id) ?? {
      id,
      direction: 'inbound',
      peer: { number: '+919000000042' },
      started_at: Date.now(),
      muted: false,
      recording: 'off',
    };
    const call = { ...before, ...change };
    this.#calls.set(id, call);
    this.send({ ev: 'call', call });
    return call;
  }

  send(event) {
    const frame = JSON.stringify({ ...event, seq: ++this.#seq });
    for (const ws of this.#sockets) if (ws.welcomed) ws.send(frame);
  }

  forgetCalls() {
    this.#calls.clear();
  }

  /** Resolves to the first request of this kind from now on, or to one that is already there. */
  async asked(op, { after = 0, within = 5_000 } = {}) {
    const deadline = Date.now() + within;
    for (;;) {
      const request = this.requests.slice(after).find((request) => request.op === op);
      if (request) return request;
      if (Date.now() > deadline) throw new Error(`the page never asked for ${op}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  #accept(ws) {
    this.#sockets.add(ws);
    ws.on('close', () => this.#sockets.delete(ws));
    ws.on('message', (data) => void this.#request(ws, JSON.parse(String(data))));
  }

  async #request(ws, request) {
    const { id, op } = request;
    this.requests.push(request);
    const refusal = this.refusals[op];
    if (refusal) return ws.send(JSON.stringify({ re: id, err: refusal }));
    if (this.silent.has(op)) return;
    const reply = await this.#do(ws, request).then(
      (ok) => ({ re: id, ok: ok ?? {} }),
      ({ message }) => ({ re: id, err: { type: '/problems/failed', title: 'Failed', status: 500, detail: message, retryable: true } }),
    );
    if (ws.readyState === ws.OPEN) ws.send(JSON.stringify(reply));
  }

  async #do(ws, request) {
    const { op, call } = request;
    switch (op) {
      case 'hello':
        ws.welcomed = true;
        ws.send(
          JSON.stringify({
            ev: 'welcome',
            seq: ++this.#seq,
            session: this.session,
            resumed: request.session === this.session,
            heartbeat_ms: this.heartbeatMs,
            grace_ms: 30_000,
            ice: [],
            agent: this.agent,
            calls: [...this.#calls.values()].filter(({ state }) => state !== 'closed'),
          }),
        );
        return;
      case 'media':
        return { sdp: await this.#answer(request.sdp, Boolean(request.restart)) };
      case 'dial':
        if (!this.#calls.has(call)) {
          this.tellCall(call, { direction: 'outbound', state: 'ringing-out', progress: 'requested', via: 'ozonetel', peer: { number: request.to } });
        }
        return;
      case 'answer':
        this.tellCall(call, { state: 'connected', answered_at: Date.now() });
        return;
      case 'mute':
        this.tellCall(call, { muted: request.on });
        return;
      case 'reject':
      case 'hangup':
        this.end(call, 'agent', 'You ended the call.');
        return;
      case 'dispose':
        this.tellCall(call, { state: 'closed' });
        return;
    }
  }

  /** Ends a call as a gateway does: to wrap-up when somebody talked, else for good. */
  end(id, by, detail, reason = 'hangup') {
    const { answered_at } = this.#calls.get(id);
    const state = answered_at ? 'wrap-up' : 'closed';
    this.tellCall(id, { state, progress: undefined, ended_at: Date.now(), ended: { by, reason, detail } });
  }

  async #serve(request, response) {
    const path = new URL(request.url, 'http://gateway').pathname;
    const file = path === '/desk' ? '/desk/index.html' : path;
    try {
      const body = await readFile(new URL(`${DIST}${file}`));
      response.writeHead(200, { 'content-type': CONTENT_TYPES[extname(file)] ?? 'text/plain', 'content-security-policy': POLICY });
      response.end(body);
    } catch {
      response.writeHead(404).end();
    }
  }
}
