// Many calls by SIPp's own `uac` scenario (INVITE, 200, ACK, BYE) against one of the signalling crate's examples, and what they cost it.
import { readFile } from 'node:fs/promises';
import path from 'node:path';

const ROOT = path.join(import.meta.dirname, '..', '..');
const TARGET = process.env.CARGO_TARGET_DIR ?? path.join(ROOT, 'target');
const ADDRESS = '127.0.0.1';
const TICKS_A_SECOND = 100; // the kernel's USER_HZ on every architecture that we run on

export class Callee {
  /** `program`: callee or echo; `profile`: debug or release. */
  static async start(stage, program, profile) {
    const process = stage.process(program, path.join(TARGET, profile, 'examples', program), [`${ADDRESS}:0`]);
    const line = await process.line(/^listening on /);
    return new Callee(process, line.split(' ').at(-1));
  }

  constructor(process, address) {
    Object.assign(this, { process, address });
  }

  /** What it said of itself last. */
  counts() {
    return JSON.parse(this.process.lines.findLast((line) => line.startsWith('{')) ?? '{}');
  }

  /** Seconds of processor time, its own and the kernel's for it. */
  async cpu() {
    const stat = await readFile(`/proc/${this.process.child.pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) / TICKS_A_SECOND;
  }

  /** Kilobytes of resident memory. */
  async memory() {
    const status = await readFile(`/proc/${this.process.child.pid}/status`, 'utf8');
    return Number(/VmRSS:\s+(\d+)/.exec(status)[1]);
  }
}

/** Places `count` calls, `rate` a second, and tells what became of them and what they cost; `sample` is asked each second. */
export async function place(stage, callee, { rate, count, sample = () => {} }) {
  const port = await stage.ports.take(1);
  const statistics = path.join(stage.directory, `sipp-${port}.csv`);
  const began = Date.now();
  const cpu = await callee.cpu();
  const sipp = stage.process('SIPp', 'sipp', [
    '-sn', 'uac', callee.address, '-i', ADDRESS, '-p', String(port), '-cp', String(await stage.ports.take(1)), '-r', String(rate), '-m', String(count),
    '-l', String(rate * MOST_SECONDS_UP), '-nostdin', '-trace_stat', '-stf', statistics, '-fd', '1', '-recv_timeout', '40000', '-buff_size', '4000000',
  ], { output: () => {} });
  const samples = [];
  const sampling = setInterval(async () => samples.push(await sample()), 1000);
  const { code } = await sipp.exit({ within: (count / rate) * 1500 + 60_000 });
  clearInterval(sampling);
  const seconds = (Date.now() - began) / 1000;
  const counted = lastRow(await readFile(statistics, 'utf8'));
  return {
    code, seconds, samples,
    successful: Number(counted['SuccessfulCall(C)']),
    failed: Number(counted['FailedCall(C)']),
    retransmissions: Number(counted['Retransmissions(C)']),
    cpu: (await callee.cpu()) - cpu,
  };
}

// A call of this scenario takes milliseconds; so many may be up before SIPp waits instead of failing.
const MOST_SECONDS_UP = 10;

function lastRow(csv) {
  const [names, ...rows] = csv.trim().split('\n').map((row) => row.split(';'));
  return Object.fromEntries(names.map((name, column) => [name, rows.at(-1)[column]]));
}

/** The slope of the line that fits `[x, y]` best. */
export function slope(points) {
  const mean = (of) => points.reduce((sum, point) => sum + of(point), 0) / points.length;
  const [x, y] = [mean(([x]) => x), mean(([, y]) => y)];
  return mean((point) => (point[0] - x) * (point[1] - y)) / mean((point) => (point[0] - x) ** 2);
}
