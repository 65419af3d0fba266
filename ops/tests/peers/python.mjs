// Python with the packages that some peers are written in, as ops/test installs them.
import { access } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';

/** Its interpreter. */
export async function python() {
  const cache = process.env.XDG_CACHE_HOME ?? path.join(homedir(), '.cache');
  const interpreter = process.env.WARMLINE_PYTHON ?? path.join(cache, 'warmline', 'python', 'bin', 'python');
  await access(interpreter).catch(() => {
    throw new Error(`${interpreter} is missing: ops/test installs it`);
  });
  return interpreter;
}
