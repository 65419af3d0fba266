// Ports of one test, from a block that no parallel clone uses at the same time.
import dgram from 'node:dgram';
import { once } from 'node:events';
import net from 'node:net';

const ADDRESS = '127.0.0.1';
// Below Linux' ephemeral range (32768…), so that no outgoing connection lands in a block.
const LOWEST = 11_000;
const BLOCKS = 100;
const BLOCK_SIZE = 200;

export class Ports {
  /** Takes a free block. Its first port stays bound for as long as the block is ours: that is the lock. */
  static async claim() {
    const start = Math.floor(Math.random() * BLOCKS);
    for (let n = 0; n < BLOCKS; n++) {
      const base = LOWEST + ((start + n) % BLOCKS) * BLOCK_SIZE;
      const lock = net.createServer();
      if (await listens(lock, base)) return new Ports(base, lock);
    }
    throw new Error(`all ${BLOCKS} port blocks from ${LOWEST} are taken`);
  }

  constructor(base, lock) {
    this.lock = lock;
    this.upcoming = base + 1;
    this.end = base + BLOCK_SIZE;
  }

  /** The first of `count` neighbouring ports, even, each free for TCP and UDP at this moment. */
  async take(count = 1) {
    let first = evenFrom(this.upcoming);
    for (let port = first; port < first + count; ) {
      if (first + count > this.end) throw new Error('the port block is used up');
      if (await isFree(port)) port += 1;
      else port = first = evenFrom(port + 1);
    }
    this.upcoming = first + count;
    return first;
  }

  async release() {
    this.lock.close();
    await once(this.lock, 'close');
  }
}

function evenFrom(port) {
  return port + (port % 2); // RTP ports are even
}

async function isFree(port) {
  const server = net.createServer();
  if (!(await listens(server, port))) return false;
  server.close();
  await once(server, 'close');
  const socket = dgram.createSocket('udp4');
  const free = await new Promise((resolve) => {
    socket.once('error', () => resolve(false));
    socket.bind({ port, address: ADDRESS, exclusive: true }, () => resolve(true));
  });
  socket.close();
  return free;
}

function listens(server, port) {
  return new Promise((resolve) => {
    server.once('error', () => resolve(false));
    server.listen({ port, host: ADDRESS, exclusive: true }, () => resolve(true));
  });
}
