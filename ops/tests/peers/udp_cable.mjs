// The cable of a page's audio: packets pass between browser and gateway as they are, until the test cuts it.
import dgram from 'node:dgram';
import { once } from 'node:events';

const ADDRESS = '127.0.0.1';

export class UdpCable {
  /** Lays a cable to that port; what comes to `cable.port` goes there, from a port of its own for each sender. */
  static async lay(stage, to) {
    const cable = new UdpCable(to);
    cable.near = await bound();
    cable.port = cable.near.address().port;
    cable.near.on('message', (bytes, from) => void cable.#up(bytes, from));
    stage.leaves(() => cable.#close());
    return cable;
  }

  whole = true;
  far = new Map();

  constructor(to) {
    this.to = to;
  }

  /** From now on nothing passes, and nobody is told. */
  cut() {
    this.whole = false;
  }

  mend() {
    this.whole = true;
  }

  /** What a page must do so that its audio takes this cable: the gateway's candidates name the cable's port. */
  script() {
    return `{
      const native = RTCPeerConnection.prototype.setRemoteDescription;
      RTCPeerConnection.prototype.setRemoteDescription = function (description) {
        const sdp = description.sdp.replaceAll(' ${this.to} typ host', ' ${this.port} typ host');
        return native.call(this, { ...description, sdp });
      };
    }`;
  }

  async #up(bytes, from) {
    const key = `${from.address}:${from.port}`;
    if (!this.far.has(key)) this.far.set(key, this.#reach(from));
    const far = await this.far.get(key);
    if (this.whole) far.send(bytes, this.to, ADDRESS);
  }

  async #reach(from) {
    const far = await bound();
    far.on('message', (bytes) => this.whole && this.near.send(bytes, from.port, from.address));
    return far;
  }

  async #close() {
    this.near.close();
    for (const far of await Promise.all(this.far.values())) far.close();
  }
}

async function bound() {
  const socket = dgram.createSocket('udp4');
  socket.bind(0, ADDRESS);
  await once(socket, 'listening');
  return socket;
}
