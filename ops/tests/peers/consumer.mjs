// `warmline consume`, as somebody who transcribes recordings runs it.
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { binary } from './gateway.mjs';

export class Consumer {
  /** `exec`: the command; `state`: what it remembers is below the stage under this name. */
  constructor(stage, gateway, token, exec, { state = 'consumer', more = [] } = {}) {
    Object.assign(this, { stage, gateway, token, exec, state, more });
    this.again();
  }

  again() {
    this.process = this.stage.process('warmline consume', binary('warmline'), ['consume', '--from', this.gateway.url, '--exec', this.exec, '--state', this.state, ...this.more], {
      env: { ...process.env, WARMLINE_TOKEN: this.token },
    });
  }

  /** As a crash does. */
  async kill() {
    this.process.child.kill('SIGKILL');
    await this.process.exit();
  }

  /** What it has put aside. */
  async dead() {
    const directory = path.join(this.stage.directory, this.state, 'dead');
    const names = await readdir(directory).catch(() => []);
    return Promise.all(names.map(async (name) => JSON.parse(await readFile(path.join(directory, name), 'utf8'))));
  }
}

/** The lines of a file that grows. */
export async function lines(file) {
  const text = await readFile(file, 'utf8').catch(() => '');
  return text.split('\n').filter(Boolean);
}
