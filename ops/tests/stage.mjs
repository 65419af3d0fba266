// One test's stage: a directory, ports, and everything that must end with it. A failure shows what each process last said.
import { rmSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { isTone } from './audio.mjs';
import { Ports } from './ports.mjs';
import { Process } from './process.mjs';

const TEST_DEADLINE_MS = 180_000;

/** A test with a stage; everything on it ends with it, in the reverse order of its coming. What it tests within itself may run at once. */
export function staged(name, play, { within = TEST_DEADLINE_MS } = {}) {
  test(name, { timeout: within, concurrency: true }, (context) => onStage(play, context, within));
}

/** A part of a test, on a stage of its own. */
export function stagedWithin(context, name, play) {
  return context.test(name, (inner) => onStage(play, inner));
}

async function onStage(play, context, within = TEST_DEADLINE_MS) {
  const stage = await Stage.open();
  // The runner's own deadline leaves no time to tell anything, so an earlier one of ours fails the play.
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error('the test took too long')), within - 20_000);
  });
  try {
    await Promise.race([play(stage, context), late]);
  } catch (error) {
    console.error(await stage.tell());
    throw error;
  } finally {
    clearTimeout(timer);
    await stage.close();
  }
}

class Stage {
  static async open() {
    return new Stage(await mkdtemp(path.join(tmpdir(), 'warmline-test-')), await Ports.claim());
  }

  constructor(directory, ports) {
    this.directory = directory;
    process.once('exit', () => rmSync(directory, { recursive: true, force: true })); // when the run is broken off
    this.ports = ports;
    this.endings = [];
    this.tellings = [];
  }

  process(name, command, args, options) {
    const { yields, ...others } = options ?? {};
    const whole = yields ? ['nice', '-n', '10', command, ...args] : [command, ...args];
    const actor = new Process(name, whole[0], whole.slice(1), { cwd: this.directory, ...others });
    this.leaves(() => actor.stop());
    this.tells(() => actor.tail());
    return actor;
  }

  /** What to do when the stage closes. */
  leaves(ending) {
    this.endings.push(ending);
  }

  /** What to show when the test fails. */
  tells(telling) {
    this.tellings.push(telling);
  }

  /** Writes a file of the stage; its whole path. */
  async write(name, content) {
    const file = path.join(this.directory, name);
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, content);
    return file;
  }

  async tell() {
    const told = await Promise.all(this.tellings.map(async (telling) => telling()).map((text) => text.catch(String)));
    return told.join('\n\n');
  }

  async close() {
    for (const ending of this.endings.reverse()) await ending();
    await this.ports.release();
    await rm(this.directory, { recursive: true, force: true });
  }
}

const PAUSE_MS = 50;

/** Asks again until the answer is truthy; past the deadline, an error with the last answer's account. */
export async function until(what, ask, { within = 10_000, pause = PAUSE_MS } = {}) {
  const deadline = Date.now() + within;
  let last;
  for (;;) {
    last = await ask();
    if (last) return last;
    if (Date.now() > deadline) throw new Error(`${what}: not within ${within} ms`);
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}

/** Measures again until the tone is heard; past the deadline, an error with what was heard instead. */
export async function hears(who, hz, measure, { within = 10_000 } = {}) {
  let last;
  try {
    return await until(`${who} hears ${hz} Hz`, async () => isTone((last = await measure()), hz) && last, { within });
  } catch (error) {
    throw new Error(`${error.message}; last heard ${JSON.stringify(last)}`, { cause: error });
  }
}
