// Fails the build when what an agent's browser has to load grows past what was promised.

import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

const LIMITS_KB = [
  ['SDK', 12, ['sdk/agent.js']],
  ['desk, first load', 60, ['desk/index.html', 'desk/desk.css', 'desk/desk.js', 'desk/icon.svg']],
];

const dist = new URL('../dist/', import.meta.url);
for (const [name, limit, files] of LIMITS_KB) {
  const bytes = files.reduce((sum, file) => sum + gzipSync(readFileSync(new URL(file, dist)), { level: 9 }).length, 0);
  console.log(`${name}: ${(bytes / 1024).toFixed(1)} KB gzip of ${limit}`);
  if (bytes > limit * 1024) process.exitCode = 1;
}
