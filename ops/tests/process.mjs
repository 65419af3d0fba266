// A real process on the stage: its output is kept, its readiness is read from it, its end is by its own id.
import { spawn } from 'node:child_process';
import { once } from 'node:events';

const KEPT_LINES = 2000;
const END_DEADLINE_MS = 5000;

// A test that is broken off must not leave its processes behind.
const living = new Set();
process.on('exit', () => living.forEach((child) => child.kill('SIGKILL')));
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => process.exit(1));

export class Process {
  /** `name` is how failures call it; `output` takes the raw bytes of its standard output instead of the log. */
  constructor(name, command, args, { output, ...options } = {}) {
    this.name = name;
    this.lines = [];
    this.waiting = new Set();
    this.child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
    this.ended = new Promise((resolve) => {
      this.child.on('error', (error) => resolve({ code: null, signal: null, error }));
      this.child.on('close', (code, signal) => resolve({ code, signal }));
    });
    living.add(this.child);
    this.ended.then((end) => {
      this.end = end;
      living.delete(this.child);
      for (const waiter of [...this.waiting]) waiter();
    });
    if (output) this.child.stdout.on('data', output);
    else this.#keep(this.child.stdout);
    this.#keep(this.child.stderr);
  }

  #keep(stream) {
    let rest = '';
    stream.setEncoding('utf8').on('data', (text) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop();
      this.lines.push(...lines.map(withoutColours));
      if (this.lines.length > KEPT_LINES) this.lines.splice(0, this.lines.length - KEPT_LINES);
      for (const waiter of [...this.waiting]) waiter();
    });
  }

  /** The first line, past or future, that matches. */
  line(pattern, { within = 15_000 } = {}) {
    return new Promise((resolve, reject) => {
      const finish = (settle, value) => {
        clearTimeout(timer);
        this.waiting.delete(look);
        settle(value);
      };
      const look = () => {
        const found = this.lines.find((line) => pattern.test(line));
        if (found !== undefined) finish(resolve, found);
        else if (this.end) finish(reject, new Error(`${this.name} ended (${describe(this.end)}) before it said ${pattern}`));
      };
      const timer = setTimeout(() => finish(reject, new Error(`${this.name} didn't say ${pattern} within ${within} ms`)), within);
      this.waiting.add(look);
      look();
    });
  }

  /** How it ended: `{ code, signal }`. */
  async exit({ within = 20_000 } = {}) {
    let timer;
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error(`${this.name} still runs after ${within} ms`)), within);
    });
    return Promise.race([this.ended, late]).finally(() => clearTimeout(timer));
  }

  async stop() {
    if (this.end) return;
    this.child.kill('SIGTERM');
    const killing = setTimeout(() => this.child.kill('SIGKILL'), END_DEADLINE_MS);
    await this.ended;
    clearTimeout(killing);
  }

  tail(count = 60) {
    const state = this.end ? `ended: ${describe(this.end)}` : 'running';
    return [`--- ${this.name} (${state}), last lines:`, ...this.lines.slice(-count)].join('\n');
  }
}

/** A program that runs to its end; its output, or an error that shows it. */
export async function run(name, command, args, options) {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text) => (stderr += text));
  const [code, signal] = await once(child, 'close');
  return { code, signal, stdout, stderr, name };
}

function describe({ code, signal, error }) {
  if (error) return error.message;
  return signal ? `signal ${signal}` : `code ${code}`;
}

function withoutColours(line) {
  return line.replace(/\x1b\[[0-9;]*m/g, '');
}
