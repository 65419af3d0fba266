// A gateway to develop the page against: serves the built files, speaks `warmline.agent.v1`, and does what a test tells
// it to. It knows nothing of media; whoever starts it says what answers an offer.

import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname } from 'node:path';
import { WebSocketServer } from 'ws';

const DIST = new URL('../dist', import.meta.url);
const POLICY = "default-src 'self'; media-src 'self' blob:; connect-src 'self'; frame-src http://localhost:*";
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
  /** What `GET /v1/context` answers, by number; all others are unknown. */
  customers = {};
  /** How often each number was asked about, with when. */
  lookups = [];
  /** Problems of `GET /v1/context`, by number. */
  failures = {};
  /** Holds every answer about a customer back while it is a promise. */
  lookupGate = undefined;
  records = [];
  dispositions = [];
  /** By call: bytes of WAV, or a content type that no browser plays. */
  recordings = {};
  /** Requests over HTTP that change something. */
  changes = [];
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
      agent: this.agent.id,
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
            statuses: [{ name: 'lunch', label: 'Lunch' }],
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
      case 'status':
        this.tellAgent({ status: { name: request.name, since: Date.now() }, ready: request.name === 'available', not_ready_because: request.name === 'available' ? undefined : 'You are on a break.' });
        return;
      case 'hold':
        this.tellCall(call, { state: request.on ? 'held' : 'connected' });
        return;
      case 'record':
        this.tellCall(call, { recording: request.on ? 'on' : 'paused' });
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
  end(id, by, detail, reason = 'hangup', wrapUpMs = 30_000) {
    const { answered_at } = this.#calls.get(id);
    const state = answered_at ? 'wrap-up' : 'closed';
    const closes_at = state === 'wrap-up' ? Date.now() + wrapUpMs : undefined;
    this.tellCall(id, { state, progress: undefined, ended_at: Date.now(), closes_at, ended: { by, reason, detail } });
  }

  async #api(request, path, asked, response) {
    const say = (status, body) => response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    if (!request.headers.authorization?.startsWith('Bearer ')) return say(401, { title: 'No token', status: 401 });
    if (path === '/v1/context') {
      const number = asked.get('number');
      this.lookups.push({ number, at: performance.now() });
      await this.lookupGate;
      if (this.failures[number]) return say(this.failures[number].status, this.failures[number]);
      const customer = this.customers[number];
      return say(200, customer ? { outcome: 'known', fields: [], links: [], ...customer } : { outcome: 'unknown' });
    }
    if (path === '/v1/calls') return say(200, { calls: this.records });
    if (path.endsWith('/dispositions')) return say(200, { dispositions: this.dispositions.map((name) => ({ name })) });
    if (path === '/v1/recordings') {
      const call = asked.get('call');
      return say(200, { recordings: call in this.recordings ? [{ id: `r_${call}`, call }] : [] });
    }
    const audio = /^\/v1\/recordings\/r_(.+)\/audio$/.exec(path);
    if (audio) {
      const sound = this.recordings[audio[1]];
      const type = typeof sound === 'string' ? sound : 'audio/wav';
      return response.writeHead(200, { 'content-type': type }).end(typeof sound === 'string' ? 'sealed' : sound);
    }
    if (request.method === 'PUT') {
      const chunks = [];
      for await (const chunk of request) chunks.push(chunk);
      this.changes.push({ path, body: JSON.parse(Buffer.concat(chunks).toString()) });
      return say(200, {});
    }
    return say(404, { title: 'Not found', status: 404, detail: 'There is no such resource.' });
  }

  async #serve(request, response) {
    const { pathname: path, searchParams } = new URL(request.url, 'http://gateway');
    if (path.startsWith('/v1/')) return this.#api(request, path, searchParams, response);
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
