// A bucket: put once and never over anything, an outage, and what is caught up after it.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { Consumer, lines } from './peers/consumer.mjs';
import { Reader } from './peers/events.mjs';
import { Gateway } from './peers/gateway.mjs';
import { Bucket } from './peers/s3.mjs';
import { finished, sha256, wav } from './peers/spool.mjs';
import { staged, until } from './stage.mjs';

const WITHIN = { within: 60_000 };

staged('recordings go to a bucket, once and over nothing; an outage delays them, and every one is worked on once', async (stage) => {
  const bucket = await Bucket.start(stage);
  const directory = path.join(stage.directory, 'recordings');
  const spooled = () => readdir(path.join(directory, 'spool'));
  Object.assign(process.env, bucket.environment);
  stage.leaves(() => Object.keys(bucket.environment).forEach((name) => delete process.env[name]));

  // Somebody else's object is where the first one would go.
  const first = await finished(directory, { audio: wav(1) });
  const at = (call, name) => `calls/date=2026-11-20/${call}/${name}`;
  await bucket.write(at(first.call, 'audio.wav'), 'not ours');
  const gateway = await Gateway.start(stage, `
[[agent]]
id = "agent7"
name = "Asha"

[recording]
mode = "on-demand"
dir = "${directory}"
store = "s3://${bucket.name}/calls"
`);
  const token = await gateway.token('archive', '--scope', 'recordings:read', '--scope', 'recordings:write');
  const listed = async () => (await gateway.api(token, '/v1/recordings')).recordings;
  await until('the first is published', async () => (await listed()).length === 1, WITHIN);
  assert.equal((await bucket.read(at(first.call, 'audio.wav'))).toString(), 'not ours');
  assert.deepEqual(await bucket.read(at(first.call, `${first.id}/audio.wav`)), first.audio);
  const answered = await fetch(`${gateway.url}/v1/recordings/${first.id}/audio`, { headers: { authorization: `Bearer ${token}`, range: 'bytes=100-' } });
  assert.equal(answered.status, 206);
  assert.deepEqual(Buffer.from(await answered.arrayBuffer()), first.audio.subarray(100));

  const runs = path.join(stage.directory, 'runs');
  const script = await stage.write('work.sh', `echo "$WARMLINE_RECORDING" >> '${runs}'\n`);
  new Consumer(stage, gateway, token, `sh ${script}`);

  await bucket.close();
  const later = await Promise.all([2, 3, 4, 5, 6].map((seed) => finished(directory, { audio: wav(seed) })));
  // It looks through its spool at its start.
  await gateway.end('SIGKILL');
  await gateway.again();
  await until('the outage is noticed', async () => ((await gateway.metrics()).get('warmline_recording_publish_errors_total') ?? 0) >= 1, WITHIN);
  assert.equal((await gateway.metrics()).get('warmline_recordings_unpublished'), 5);
  assert.equal((await spooled()).length, 5);
  assert.equal((await fetch(`${gateway.url}/v1/recordings/${first.id}/audio`, { headers: { authorization: `Bearer ${token}` } })).status, 503);
  await bucket.open();
  await until('all are published', async () => (await listed()).length === 6, WITHIN);
  await until('the spool is empty', async () => (await spooled()).length === 0, WITHIN);
  for (const { call, id, manifest } of later) {
    assert.equal(sha256(await bucket.read(at(call, 'audio.wav'))), manifest.audio.sha256);
    assert.equal(JSON.parse(await bucket.read(at(call, 'manifest.json'))).id, id);
  }
  const keys = await bucket.keys();
  assert.equal(keys.length, 1 + 2 * 6, keys.join('\n'));

  const all = [first, ...later].map(({ id }) => id).sort();
  await until('all are worked on', async () => (await lines(runs)).length >= 6, WITHIN);
  assert.deepEqual((await lines(runs)).sort(), all);
  const reader = await Reader.follow(stage, gateway, token, { last: '0', types: 'recording.published' });
  await until('all are told', () => reader.events.length >= 6, WITHIN);
  assert.deepEqual(reader.events.map(({ event }) => event.data.recording.id).sort(), all, 'each is told once');

  const gone = later[0];
  const response = await fetch(`${gateway.url}/v1/recordings/${gone.id}`, { method: 'DELETE', headers: { authorization: `Bearer ${token}` } });
  assert.equal(response.status, 204);
  assert.ok(!(await bucket.keys()).some((key) => key.includes(gone.call)), 'its objects are gone');
});

staged('a recording of hours goes up in parts, in little memory, over nothing; what a killed process left of it is taken back', async (stage) => {
  const bucket = await Bucket.start(stage);
  const directory = path.join(stage.directory, 'recordings');
  Object.assign(process.env, bucket.environment);
  stage.leaves(() => Object.keys(bucket.environment).forEach((name) => delete process.env[name]));
  const MIB = 1 << 20;
  const made = await finished(directory, { audio: Buffer.alloc(192 * MIB + 77, randomBytes(10_007)) });
  const at = (name) => `calls/date=2026-11-20/${made.call}/${name}`;
  await bucket.write(at('audio.wav'), 'not ours');
  const gateway = await Gateway.start(stage, `
[[agent]]
id = "agent7"
name = "Asha"

[recording]
mode = "on-demand"
dir = "${directory}"
store = "s3://${bucket.name}/calls"
`);
  const unfinished = async () => (await (await bucket.ask('?uploads')).text()).includes('<UploadId>');
  await until('it is on its way', unfinished, { ...WITHIN, pause: 5 });
  // Its id is written down behind the bucket's answer; without it nobody takes the parts back.
  const noted = async () => (await readFile(path.join(directory, 'spool', made.id, 'upload'), 'utf8').catch(() => '')) !== '';
  await until('its id is noted', noted, { ...WITHIN, pause: 5 });
  await gateway.end('SIGKILL');
  await gateway.again();
  const token = await gateway.token('archive', '--scope', 'recordings:read');
  const listed = async () => (await gateway.api(token, '/v1/recordings')).recordings;
  await until('it is published', async () => (await listed()).length === 1, { within: 120_000 });
  const status = await readFile(`/proc/${gateway.process.child.pid}/status`, 'utf8');
  const most = Number(/VmHWM:\s+(\d+) kB/.exec(status)[1]) / 1024;
  assert.ok(most < 180, `${most} MiB at most for a recording of 192`);
  assert.equal((await bucket.read(at('audio.wav'))).toString(), 'not ours');
  assert.equal(sha256(await bucket.read(at(`${made.id}/audio.wav`))), made.manifest.audio.sha256);
  assert.equal(await unfinished(), false, 'no parts are left');
  assert.deepEqual((await bucket.keys()).sort(), [at('audio.wav'), at(`${made.id}/audio.wav`), at(`${made.id}/manifest.json`)].sort());
});
