// A loudspeaker that nobody hears: PulseAudio with a sink to nowhere. Firefox keeps time by its loudspeaker, and without one a page's sound stands still.
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { existsSync } from 'node:fs';
import { until } from '../stage.mjs';

/** Starts one for this stage alone; the environment by which a program finds it. */
export async function soundless(stage) {
  const home = path.join(stage.directory, 'sound');
  await mkdir(home, { mode: 0o700 });
  const socket = path.join(home, 'socket');
  stage.process('PulseAudio', 'pulseaudio', [
    '-n', '--daemonize=no', '--exit-idle-time=-1', '--use-pid-file=no', '--disable-shm',
    '-L', `module-native-protocol-unix socket=${socket} auth-anonymous=1`, '-L', 'module-null-sink',
  ], { env: { ...process.env, HOME: home, XDG_RUNTIME_DIR: home, PULSE_RUNTIME_PATH: path.join(home, 'pulse') } });
  await until('PulseAudio listens', () => existsSync(socket));
  return { PULSE_SERVER: `unix:${socket}` };
}
