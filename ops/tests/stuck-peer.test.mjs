// A peer that sends requests by TCP and never reads an answer: it loses its connection, and nobody else notices.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import net from 'node:net';
import { once } from 'node:events';
import { Gateway } from './peers/gateway.mjs';
import { request, SipPeer, statusOf } from './peers/sip.mjs';
import { staged, until } from './stage.mjs';

const STUCK_MS = 20_000;
const PING_EVERY_MS = 20;
const DELAY_AT_MOST_MS = 50;
const MEMORY_AT_MOST_KB = 10 * 1024;
const CHUNK = 200;

const sections = (port) => `
[[trunk]]
name = "carrier"
listen = ["udp:127.0.0.1:${port}", "tcp:127.0.0.1:${port}"]
allow = ["127.0.0.0/8"]
`;

const residentKb = async (pid) => Number(/^VmRSS:\s+(\d+)/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'))[1]);

/** Writes requests as fast as the other side takes them and reads nothing; again whenever it is cut off. */
class Deaf {
  sent = 0;
  cut = 0;
  #stopped = false;

  constructor(port) {
    this.port = port;
  }

  async run() {
    while (!this.#stopped) {
      const socket = net.connect({ port: this.port, host: '127.0.0.1' });
      socket.on('error', () => {});
      socket.pause();
      this.socket = socket;
      await once(socket, 'connect');
      const closed = once(socket, 'close');
      const flood = () => {
        while (!this.#stopped && !socket.destroyed) {
          this.sent += CHUNK;
          if (!socket.write(Array.from({ length: CHUNK }, () => request('OPTIONS', { transport: 'tcp' })).join(''))) return;
        }
      };
      socket.on('drain', flood);
      flood();
      await closed;
      this.cut += 1;
    }
  }

  stop() {
    this.#stopped = true;
    this.socket.destroy();
  }
}

/** OPTIONS by UDP, one after the other; how long each answer took. */
async function delays(peer, milliseconds) {
  const took = [];
  for (const end = Date.now() + milliseconds; Date.now() < end; ) {
    const start = performance.now();
    const heard = await peer.ask('OPTIONS', { transport: 'udp' });
    took.push(performance.now() - start);
    assert.equal(statusOf(heard), 200);
    peer.heard.length = 0;
    await new Promise((resolve) => setTimeout(resolve, PING_EVERY_MS));
  }
  return took.sort((a, b) => a - b);
}

const percentile = (sorted, share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
const told = (took) => `p50 ${percentile(took, 0.5).toFixed(1)} ms, p99 ${percentile(took, 0.99).toFixed(1)} ms, longest ${took.at(-1).toFixed(1)} ms`;

staged('a TCP peer that sends and never reads delays nobody and costs little', async (stage, context) => {
  const port = await stage.ports.take(1);
  // Logging each message would be what is measured.
  process.env.RUST_LOG ??= 'info';
  const gateway = await Gateway.start(stage, sections(port));
  const peer = await SipPeer.udp(port);
  stage.leaves(() => peer.close());
  const pid = gateway.process.child.pid;

  const calm = await delays(peer, 2_000);
  const before = await residentKb(pid);
  const deaf = new Deaf(port);
  const flood = deaf.run();
  let most = before;
  const sampling = setInterval(async () => (most = Math.max(most, await residentKb(pid).catch(() => 0))), 100);
  const beside = await delays(peer, STUCK_MS);
  clearInterval(sampling);
  deaf.stop();
  await flood;

  const grown = most - before;
  context.diagnostic(`UDP OPTIONS alone: ${told(calm)}; beside the stuck peer: ${told(beside)}; memory ${before} kB, at most ${grown} kB more; cut off ${deaf.cut} times after ${deaf.sent} requests`);
  assert.ok(deaf.cut > 0, 'the peer that does not read is cut off');
  assert.ok(percentile(beside, 0.99) - percentile(calm, 0.5) <= DELAY_AT_MOST_MS, `an answer took ${told(beside)}`);
  assert.ok(grown <= MEMORY_AT_MOST_KB, `${grown} kB more`);
  const metrics = await (await fetch(`${gateway.operations}/metrics`)).text();
  await until('the overflow is counted', async () => /warmline_sip_dropped_total\{cause="overflow"\} [1-9]/.test(await (await fetch(`${gateway.operations}/metrics`)).text()));
  assert.ok(metrics.length > 0);
});
