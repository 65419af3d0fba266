// The cable between a line and its registrar: bytes pass as they are, until the test holds a direction, cuts it, or takes the registrar away.
import { once } from 'node:events';
import net from 'node:net';

const ADDRESS = '127.0.0.1';

export class Cable {
  /** Lays a cable to that port; whoever connects to `cable.port` is connected through. */
  static async lay(stage, to) {
    const cable = new Cable(await stage.ports.take(1), to);
    await cable.mend();
    stage.leaves(() => cable.unplug());
    return cable;
  }

  pairs = new Set();
  held = { up: false, down: false };
  connections = 0;

  constructor(port, to) {
    Object.assign(this, { port, to });
  }

  /** Keeps what goes `up` (to the registrar) or `down` (to us) from now on; what is kept when the cable is cut is lost. */
  hold(...directions) {
    for (const direction of directions) {
      this.held[direction] = true;
      for (const pair of this.pairs) pair[direction].pause();
    }
  }

  /** Cuts every connection, with what is on its way. The next one passes freely. */
  cut() {
    for (const { up, down } of this.pairs) {
      up.resetAndDestroy();
      down.resetAndDestroy();
    }
    this.pairs.clear();
    this.held = { up: false, down: false };
  }

  /** Cuts, and refuses connections until it is mended. */
  async unplug() {
    this.cut();
    if (!this.server?.listening) return;
    this.server.close();
    await once(this.server, 'close');
  }

  async mend() {
    this.server = net.createServer((near) => this.#join(near));
    this.server.listen({ port: this.port, host: ADDRESS });
    await once(this.server, 'listening');
  }

  #join(near) {
    this.connections += 1;
    const far = net.connect(this.to, ADDRESS);
    // What is read from the near end goes up, what is read from the far end comes down.
    const pair = { up: near, down: far };
    this.pairs.add(pair);
    for (const [from, to, direction] of [[near, far, 'up'], [far, near, 'down']]) {
      from.setNoDelay(true);
      from.on('data', (bytes) => to.write(bytes));
      from.on('error', () => undefined);
      from.on('close', () => {
        to.destroy();
        this.pairs.delete(pair);
      });
      if (this.held[direction]) from.pause();
    }
  }
}
