// Media relays that take calls by the ng protocol, each on one processor with one worker, and the tester on another.
import dgram from 'node:dgram';
import path from 'node:path';
import { run } from '../process.mjs';
import { until } from '../stage.mjs';

const ROOT = path.join(import.meta.dirname, '..', '..', '..');
const TARGET = process.env.CARGO_TARGET_DIR ?? path.join(ROOT, 'target');
const ADDRESS = '127.0.0.1';
// Above a stage's blocks: some thousand calls with two ports for each side. Both relays pass over ports that somebody else has.
const PORTS = [40_000, 59_999];
const RELAY_PROCESSOR = '0';
const TESTER_PROCESSOR = '1';

export class Relay {
  /** rtpengine in user space, without its kernel module. */
  static async rtpengine(stage) {
    const control = await stage.ports.take(1);
    const process = stage.process('rtpengine', 'taskset', ['-c', RELAY_PROCESSOR, 'rtpengine',
      '--config-file=none', '--table=-1', `--interface=${ADDRESS}`, `--listen-ng=${ADDRESS}:${control}`, `--port-min=${PORTS[0]}`, `--port-max=${PORTS[1]}`,
      '--num-threads=1', '--foreground', '--log-stderr', '--log-level=4',
    ]);
    // It says nothing at this level, and its log would cost what is measured.
    await until('rtpengine answers', () => pong(control));
    return new Relay('rtpengine', process, control);
  }

  /** Our engine alone. */
  static async ours(stage) {
    const control = await stage.ports.take(1);
    const program = path.join(TARGET, 'release', 'examples', 'ng');
    const process = stage.process('ng', 'taskset', ['-c', RELAY_PROCESSOR, program, `${ADDRESS}:${control}`, PORTS.join('-')]);
    await process.line(/^ready$/);
    return new Relay('ours', process, control);
  }

  constructor(name, process, control) {
    Object.assign(this, { name, process, control });
  }

  /** The tester's report of so many calls that talk for so many seconds; with `latency` it wakes up for each packet. */
  async load({ calls, seconds, latency = false }) {
    const { code, stdout, stderr } = await run('loadtest', 'taskset', ['-c', TESTER_PROCESSOR, TESTER, 'relay',
      '--ng', `${ADDRESS}:${this.control}`, '--process', String(this.process.child.pid), '--calls', String(calls), '--talk', String(seconds), ...(latency ? ['--latency'] : []),
    ]);
    if (code !== 0) throw new Error(`${this.name}, ${calls} calls: ${stderr}`);
    return JSON.parse(stdout);
  }
}

/** Whether a relay answers a ping within a moment. A cookie that a tester would use again would be answered again. */
function pong(control) {
  const socket = dgram.createSocket('udp4');
  return new Promise((resolve) => {
    const settle = (answer) => {
      clearTimeout(timer);
      socket.close();
      resolve(answer);
    };
    const timer = setTimeout(() => settle(false), 200);
    socket.once('message', () => settle(true)).once('error', () => settle(false));
    socket.send('pong d7:command4:pinge', control, ADDRESS);
  });
}

const TESTER = path.join(TARGET, process.env.BENCH_TESTER ?? 'release/warmline-loadtest');
