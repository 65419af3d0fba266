// A certificate of this machine's loopback, which nobody trusts who isn't told to.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { run } from './process.mjs';

/** Makes one, or another in its place; where it lies and what it holds. */
export async function certificate(stage) {
  const [keyFile, certFile] = ['key.pem', 'cert.pem'].map((name) => path.join(stage.directory, name));
  const openssl = await run('openssl', 'openssl', [
    'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1',
    '-addext', 'basicConstraints=critical,CA:FALSE', '-keyout', keyFile, '-out', certFile,
  ]);
  assert.equal(openssl.code, 0, openssl.stderr);
  const [key, cert] = await Promise.all([readFile(keyFile), readFile(certFile)]);
  return { keyFile, certFile, key, cert };
}
