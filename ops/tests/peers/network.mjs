// A network of its own for one test: a namespace whose only cable leads to this machine. What runs in it has another address, can be cut off
// from UDP, can move, and can say that it is somebody else. Namespaces need root.
import { networkInterfaces } from 'node:os';
import { run } from '../process.mjs';

// Documentation addresses (RFC 5737), sixteen a network: ours first, then its own.
const PREFIX = '198.51.100.';
const SIZE = 16;
const NETWORKS = 256 / SIZE;
let serial = 0;

/** Why such a test can't run here; `undefined` where it can. */
export const cannotRun = () => (process.getuid?.() === 0 ? undefined : 'network namespaces need root');

export class Network {
  /** Makes one; it goes with the stage. */
  static async open(stage) {
    const start = Math.floor(Math.random() * NETWORKS);
    for (let n = 0; n < NETWORKS; n++) {
      const base = ((start + n) % NETWORKS) * SIZE;
      if (addresses().includes(`${PREFIX}${base + 1}`)) continue;
      const network = new Network(base);
      stage.leaves(() => network.#close());
      if (await network.#make()) return network;
    }
    throw new Error('all networks for tests are taken');
  }

  constructor(base) {
    const id = `${process.pid.toString(36)}${(++serial).toString(36)}`;
    Object.assign(this, { base, namespace: `wl-${id}`, ours: `wlo-${id}`, theirs: `wli-${id}`, last: base + 2 });
  }

  /** This machine's address in it. */
  get host() {
    return `${PREFIX}${this.base + 1}`;
  }

  /** Its own address now. */
  get address() {
    return `${PREFIX}${this.last}`;
  }

  /** Command and arguments that run a program in it. */
  inside(command, ...args) {
    return ['ip', ['netns', 'exec', this.namespace, command, ...args]];
  }

  /** From now on nothing but TCP leaves it, nor comes in. */
  async blockUdp() {
    for (const chain of ['INPUT', 'OUTPUT']) await ip(...this.inside('iptables', '-A', chain, '-p', 'udp', '-j', 'DROP'));
  }

  /** For so many milliseconds nothing at all gets through, in either direction. */
  async blackout(ms) {
    const rules = [['INPUT', '-i'], ['OUTPUT', '-o']].map(([chain, way]) => [chain, way, this.theirs, '-j', 'DROP']);
    for (const rule of rules) await ip(...this.inside('iptables', '-I', ...rule));
    await new Promise((resolve) => setTimeout(resolve, ms));
    for (const rule of rules) await ip(...this.inside('iptables', '-D', ...rule));
  }

  /** It has another address: what it had open goes nowhere any more. The old one is gone for `away` ms before the new one is there. */
  async move({ away = 300 } = {}) {
    const old = this.address;
    this.last += 1;
    await ip(...this.inside('ip', 'addr', 'del', `${old}/28`, 'dev', this.theirs));
    await new Promise((resolve) => setTimeout(resolve, away));
    await this.#addressed();
  }

  /** It says that it is `address`, too, and nobody on the way objects: a forger needs no more. */
  async pretends(address) {
    await ip(...this.inside('ip', 'addr', 'add', `${address}/32`, 'dev', 'lo'));
    await ip('sysctl', ['-q', '-w', `net.ipv4.conf.${this.ours}.rp_filter=0`, `net.ipv4.conf.${this.ours}.accept_local=1`]);
  }

  /** A program's place in the file system through which it runs in here, for whoever starts programs by themselves. */
  async program(stage, command) {
    const file = await stage.write(`in-${this.namespace}.sh`, `#!/bin/sh\nexec ip netns exec ${this.namespace} ${command} "$@"\n`);
    await ip('chmod', ['755', file]);
    return file;
  }

  async #make() {
    await ip('ip', ['netns', 'add', this.namespace]);
    await ip('ip', ['link', 'add', this.ours, 'type', 'veth', 'peer', 'name', this.theirs, 'netns', this.namespace]);
    // Another clone may have taken the addresses meanwhile; then this one takes others.
    if (addresses().includes(this.host)) return false;
    await ip('ip', ['addr', 'add', `${this.host}/28`, 'dev', this.ours]);
    await ip('ip', ['link', 'set', this.ours, 'up']);
    await ip(...this.inside('ip', 'link', 'set', 'lo', 'up'));
    await ip(...this.inside('ip', 'link', 'set', this.theirs, 'up'));
    await this.#addressed();
    return true;
  }

  async #addressed() {
    await ip(...this.inside('ip', 'addr', 'add', `${this.address}/28`, 'dev', this.theirs));
    await ip(...this.inside('ip', 'route', 'replace', 'default', 'via', this.host));
  }

  // The cable goes with its end in the namespace; a namespace lives for as long as somebody is in it.
  async #close() {
    await run('ip', 'ip', ['link', 'del', this.ours]);
    await run('ip', 'ip', ['netns', 'del', this.namespace]);
  }
}

function addresses() {
  return Object.values(networkInterfaces()).flat().map(({ address }) => address);
}

async function ip(command, args) {
  const { code, stderr } = await run(command, command, args);
  if (code !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}`);
}
