/** The one WebSocket to the gateway: says hello, asks and answers, and comes back by itself when it breaks. */

import { pause } from './backoff';
import {
  Refusal,
  SUBPROTOCOL,
  type Ask,
  type Bye,
  type Op,
  type PageReport,
  type Problem,
  type Reply,
  type Requests,
  type WireEvent,
} from './protocol';

/** Why the socket is closed for good, until the page signs in again. */
export type EndedBecause = Exclude<Bye['code'], 'shutdown'> | 'signed-out';

export type Connection =
  | { is: 'off' }
  /** Opening, or waiting for the answer to hello. `attempt` 0 is the first one since the last good connection. */
  | { is: 'connecting'; attempt: number }
  | { is: 'open' }
  /** Broken; the next attempt is at `until`, epoch milliseconds. */
  | { is: 'waiting'; attempt: number; until: number }
  | { is: 'ended'; because: EndedBecause; detail?: string };

export interface SocketEnds {
  url: string;
  /** Asked at each attempt, so that a fresh token is used. */
  hello(): Promise<Requests['hello']>;
  /** What the page tells of its side at each heartbeat. */
  report(): PageReport;
  /** The gateway doesn't know the session of the last hello. */
  sessionUnknown(): void;
  event(event: WireEvent): void;
  moved(connection: Connection): void;
}

export class Socket {
  readonly #ends: SocketEnds;
  #connection: Connection = { is: 'off' };
  #ws?: WebSocket;
  #nextId = 1;
  #pending = new Map<number, { resolve: (ok: never) => void; reject: (refusal: Refusal) => void }>();
  #attempt = 0;
  #bye?: Bye;
  #heardAt = 0;
  #openedAt = 0;
  /** Of the latest life sign. */
  #roundTripMs = 0;
  #retry?: ReturnType<typeof setTimeout>;
  #deadline?: ReturnType<typeof setTimeout>;
  #heartbeat?: ReturnType<typeof setInterval>;

  constructor(ends: SocketEnds) {
    this.#ends = ends;
  }

  get connection(): Connection {
    return this.#connection;
  }

  /** Connects, unless that is under way already: two mounts of a component make one socket. */
  open(): void {
    if (this.#connection.is !== 'off' && this.#connection.is !== 'ended') return;
    this.#attempt = 0;
    this.#connect();
  }

  /** Closes for good, and says so to nobody but the gateway. */
  close(because: 'signed-out' | 'leaving'): void {
    this.#drop();
    this.#move(because === 'leaving' ? { is: 'off' } : { is: 'ended', because });
  }

  /** Don't wait for a pause to pass or for a silent socket to be noticed. */
  nudge(): void {
    if (this.#connection.is === 'waiting') this.#connect();
    if (this.#connection.is === 'open') this.#probe(NUDGE_MS);
  }

  /** The network is another: what was open is most likely dead, and a new connection costs less than waiting for the old one. */
  networkChanged(): void {
    if (this.#connection.is === 'open') this.#probe(Math.min(LEAST_PATIENCE_MS + 2 * this.#roundTripMs, NUDGE_MS));
    else this.nudge();
  }

  /** Tells the gateway at once how things stand on this side. */
  tell(): void {
    const askedAt = Date.now();
    this.#send('stats', { quality: this.#ends.report() }).then(
      () => (this.#roundTripMs = Date.now() - askedAt),
      () => undefined,
    );
  }

  readonly ask: Ask = (op, keys) => {
    if (this.#connection.is !== 'open') return Promise.reject(Refusal.offline());
    return this.#send(op, keys);
  };

  #connect(): void {
    clearTimeout(this.#retry);
    this.#bye = undefined;
    const ws = new WebSocket(this.#ends.url, SUBPROTOCOL);
    this.#ws = ws;
    this.#move({ is: 'connecting', attempt: this.#attempt });
    this.#deadline = setTimeout(() => this.#broken(ws), HANDSHAKE_MS);
    ws.onopen = () => void this.#hello(ws);
    ws.onmessage = (message) => {
      if (this.#ws === ws) this.#frame(ws, message.data);
    };
    ws.onclose = () => this.#broken(ws);
  }

  async #hello(ws: WebSocket): Promise<void> {
    try {
      const hello = await this.#ends.hello();
      if (this.#ws !== ws || ws.readyState !== WebSocket.OPEN) return;
      await this.#send('hello', hello);
    } catch (error) {
      if (this.#ws !== ws) return;
      const { status, detail } = error instanceof Refusal ? error.problem : { status: 0, detail: undefined };
      if (status === 401 || status === 403) {
        this.#drop();
        this.#move({ is: 'ended', because: status === 401 ? 'expired' : 'forbidden', detail });
        return;
      }
      if (status === 404 || status === 410) this.#ends.sessionUnknown();
      this.#broken(ws);
    }
  }

  #frame(ws: WebSocket, data: unknown): void {
    this.#heardAt = Date.now();
    const frame = parse(data);
    if (!frame) return;
    if ('re' in frame) {
      const pending = this.#pending.get(frame.re);
      this.#pending.delete(frame.re);
      if (frame.err) pending?.reject(new Refusal(frame.err));
      else pending?.resolve(frame.ok as never);
      return;
    }
    if (frame.ev === 'welcome') this.#welcomed(frame.heartbeat_ms);
    if (frame.ev === 'bye') this.#bye = frame;
    this.#ends.event(frame);
    if (frame.ev === 'bye' && !frame.reconnect) this.#broken(ws);
  }

  #welcomed(heartbeatMs: number): void {
    clearTimeout(this.#deadline);
    this.#openedAt = Date.now();
    // A page whose timers were throttled wakes up late: so it asks before it judges.
    const interval = Math.max(heartbeatMs || 0, SHORTEST_HEARTBEAT_MS);
    this.#heartbeat = setInterval(() => this.#probe(2 * interval), interval);
    this.#move({ is: 'open' });
    this.tell();
  }

  /** Asks for a sign of life, and gives the socket up when none comes within `patience`. */
  #probe(patience: number): void {
    const ws = this.#ws;
    const askedAt = Date.now();
    this.tell();
    setTimeout(() => {
      if (ws && this.#ws === ws && this.#heardAt < askedAt) this.#broken(ws);
    }, patience);
  }

  #send<O extends Op>(op: O, keys: Requests[O]): Promise<Reply<O>> {
    const ws = this.#ws;
    if (ws?.readyState !== WebSocket.OPEN) return Promise.reject(Refusal.offline());
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      ws.send(JSON.stringify({ id, op, ...keys }));
    });
  }

  #broken(ws: WebSocket): void {
    if (this.#ws !== ws) return;
    const bye = this.#bye;
    const stable = this.#connection.is === 'open' && Date.now() - this.#openedAt > STABLE_MS;
    this.#drop();
    if (bye && !bye.reconnect && bye.code !== 'shutdown') {
      this.#move({ is: 'ended', because: bye.code });
      return;
    }
    // A gateway that welcomes and hangs up at once must not be hammered: only a connection that lasted starts the table anew.
    if (stable) this.#attempt = 0;
    const wait = pause(this.#attempt, Math.random());
    this.#attempt += 1;
    this.#retry = setTimeout(() => this.#connect(), wait);
    this.#move({ is: 'waiting', attempt: this.#attempt, until: Date.now() + wait });
  }

  /** Lets go of the socket and of everything that hung on it. */
  #drop(): void {
    clearTimeout(this.#retry);
    clearTimeout(this.#deadline);
    clearInterval(this.#heartbeat);
    const ws = this.#ws;
    this.#ws = undefined;
    this.#nextId = 1;
    const pending = this.#pending;
    this.#pending = new Map();
    if (ws) {
      ws.onopen = ws.onmessage = ws.onclose = null;
      ws.close(1000);
    }
    for (const { reject } of pending.values()) reject(Refusal.offline());
  }

  #move(connection: Connection): void {
    this.#connection = connection;
    this.#ends.moved(connection);
  }
}

type Frame = { re: number; ok?: unknown; err?: Problem } | WireEvent;

/** A frame that isn't ours is dropped: a proxy's noise must not end a call. */
function parse(data: unknown): Frame | undefined {
  try {
    const frame: unknown = JSON.parse(String(data));
    const known = typeof frame === 'object' && frame !== null && ('re' in frame || 'ev' in frame);
    return known ? (frame as Frame) : undefined;
  } catch {
    return undefined;
  }
}

/** From the first SYN to the welcome. */
const HANDSHAKE_MS = 10_000;

/** Whatever a gateway asks for, the page doesn't flood it. */
const SHORTEST_HEARTBEAT_MS = 1_000;

/** How long a socket may stay silent once there is a reason to doubt it. */
const NUDGE_MS = 3_000;

/** The same once audio has stopped or the network is another one, with two round trips of this socket on top. */
const LEAST_PATIENCE_MS = 300;

/** A connection that lasted this long was a good one. */
const STABLE_MS = 5_000;
