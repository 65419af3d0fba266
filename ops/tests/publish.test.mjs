// From the spool to whoever works on recordings: published once, told once, played, held, deleted, and worked on once.
import assert from 'node:assert/strict';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { Ladder, sdp } from './ladder.mjs';
import { Agents } from './peers/agents.mjs';
import { launch } from './peers/browser.mjs';
import { Consumer, lines } from './peers/consumer.mjs';
import { Reader } from './peers/events.mjs';
import { Gateway } from './peers/gateway.mjs';
import { section } from './peers/recordings.mjs';
import { Sipp } from './peers/sipp.mjs';
import { finished, sha256, wav } from './peers/spool.mjs';
import { staged, until } from './stage.mjs';

const WITHIN = { within: 40_000 };
const SCOPES = ['--scope', 'calls:read', '--scope', 'recordings:read', '--scope', 'recordings:write'];
const EXAMPLE = path.join(import.meta.dirname, '..', 'examples', 'split_channels.py');

const config = (directory, more = '') => `
[[agent]]
id = "agent7"
name = "Asha"

[[agent]]
id = "agent8"
name = "Ravi"

[recording]
mode = "on-demand"
dir = "${directory}"
${more}`;

const listed = async (gateway, token, query = '') => (await gateway.api(token, `/v1/recordings${query}`)).recordings.map(({ id }) => id);

staged('what is in the spool is published once, whatever is killed, and reachable by those whose it is', async (stage) => {
  const directory = path.join(stage.directory, 'recordings');
  const made = await Promise.all([1, 2, 3].map((seed) => finished(directory, { audio: wav(seed), agent: seed === 3 ? 'agent8' : 'agent7' })));
  const gateway = await Gateway.start(stage, config(directory));
  const token = await gateway.token('archive', ...SCOPES);
  await until('all are published', async () => (await listed(gateway, token)).length === 3, WITHIN);
  for (const { id, call, audio } of made) {
    const place = path.join(directory, 'date=2026-11-20', call);
    assert.deepEqual(await readFile(path.join(place, 'audio.wav')), audio);
    assert.equal(JSON.parse(await readFile(path.join(place, 'manifest.json'))).id, id);
  }
  await until('the spool is empty', async () => (await readdir(path.join(directory, 'spool'))).length === 0, WITHIN);

  // The same recording in the spool again, as after a crash before it was removed.
  await gateway.end('SIGKILL');
  await finished(directory, made[0]);
  await gateway.again();
  await until('the spool is empty again', async () => (await readdir(path.join(directory, 'spool'))).length === 0, WITHIN);
  const reader = await Reader.follow(stage, gateway, token, { last: '0', types: 'recording.*' });
  await until('all are told', () => reader.events.length >= 3, WITHIN);
  assert.deepEqual(reader.events.map(({ event }) => event.subject).sort(), made.map(({ call }) => call).sort());

  const [first] = made;
  const audioOf = (id, headers = {}, who = token, method = 'GET') => fetch(`${gateway.url}/v1/recordings/${id}/audio`, { method, headers: { authorization: `Bearer ${who}`, ...headers } });
  const whole = await audioOf(first.id);
  assert.equal(sha256(Buffer.from(await whole.arrayBuffer())), first.manifest.audio.sha256);
  assert.equal(whole.headers.get('etag'), `"${first.manifest.audio.sha256}"`);
  const part = await audioOf(first.id, { range: 'bytes=44-51' });
  assert.equal(part.status, 206);
  assert.deepEqual(Buffer.from(await part.arrayBuffer()), first.audio.subarray(44, 52));
  assert.equal((await audioOf(first.id, { range: 'bytes=99999999-' })).status, 416);
  assert.equal((await audioOf(first.id, { 'if-none-match': whole.headers.get('etag') })).status, 304);
  assert.equal((await audioOf(first.id, {}, token, 'HEAD')).headers.get('content-length'), String(first.audio.length));

  const asha = await gateway.token('agent7', '--scope', 'agent');
  assert.deepEqual(await listed(gateway, asha), (await listed(gateway, token)).filter((id) => id !== made[2].id));
  assert.equal((await audioOf(made[2].id, {}, asha)).status, 404);
  assert.deepEqual(await listed(gateway, token, `?call=${first.call}`), [first.id]);

  const ask = async (method, what) => (await fetch(`${gateway.url}/v1/recordings/${first.id}${what}`, { method, headers: { authorization: `Bearer ${token}` } })).status;
  assert.deepEqual([await ask('PUT', '/hold'), await ask('DELETE', ''), await ask('DELETE', '/hold'), await ask('DELETE', ''), await ask('GET', '')], [204, 409, 204, 204, 404]);
  await until('the deletion is told', () => reader.kinds().includes('recording.deleted'), WITHIN);
  await assert.rejects(readdir(path.join(directory, 'date=2026-11-20', first.call)), { code: 'ENOENT' });
});

for (const format of ['wav', 'wav-g711', 'ogg-opus']) {
  staged(`a call's recording as ${format} is told with its call, and Chromium plays it from the audio route`, async (stage) => {
    const ladder = Ladder.answers().invited().respondToInvite(200, sdp('sendrecv')).requested('ACK').plays().reached('talk').requested('BYE', { within: 120_000 }).respond(200);
    const customer = await Sipp.plays(stage, ladder, { hz: 1000 });
    const directory = path.join(stage.directory, 'recordings');
    const gateway = await Gateway.start(stage, `
[limits]
wrap_up = "1s"

[[trunk]]
name = "carrier"
listen = "udp:127.0.0.1:${await stage.ports.take(1)}"
peer = "sip:${customer.address};transport=udp"
options_interval = "0s"

[[agent]]
id = "agent7"
name = "Asha"
dial_via = "carrier"
${section(directory, `format = "${format}"`)}`);
    await Agents.signIn(stage, gateway, ['agent7']);
    const token = await gateway.token('crm', '--scope', 'calls:read', '--scope', 'calls:write', '--scope', 'recordings:read');
    const reader = await Reader.follow(stage, gateway, token, { types: 'call.*,recording.*' });
    const { id: call } = await gateway.place(token, { agent: 'agent7', to: '+919000000090' });
    await until('they talk', () => reader.kinds().includes('call.connected'), WITHIN);
    await new Promise((resolve) => setTimeout(resolve, 3000));
    await gateway.api(token, `/v1/calls/${call}/hangup`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' });
    await until('its recording is published', () => reader.kinds().includes('recording.published'), WITHIN);
    const told = reader.kinds();
    assert.deepEqual(told.filter((kind) => kind !== 'call.ringing').sort(), ['call.connected', 'call.created', 'call.ended', 'recording.published', 'recording.started']);
    assert.ok(reader.events.every(({ event }) => event.subject === call));
    const { recording } = reader.events.find(({ event }) => event.type.endsWith('recording.published')).event.data;
    assert.ok(recording.duration_ms >= 3000, `${recording.duration_ms} ms`);

    const browser = await launch(stage, 440);
    const page = await browser.newPage();
    await page.goto(`${gateway.url}/v1/version`); // a page of the same origin
    const seconds = await page.evaluate(async ({ id, token }) => {
      const response = await fetch(`/v1/recordings/${id}/audio`, { headers: { authorization: `Bearer ${token}` } });
      const player = document.createElement('audio');
      player.src = URL.createObjectURL(await response.blob());
      return new Promise((resolve, reject) => {
        player.onloadedmetadata = () => resolve(player.duration);
        player.onerror = () => reject(new Error(`${player.error.code} ${player.error.message}`));
      });
    }, { id: recording.id, token: await gateway.token('agent7', '--scope', 'agent') });
    assert.ok(Math.abs(seconds * 1000 - recording.duration_ms) < 100, `${seconds} s of ${recording.duration_ms} ms`);
  });
}

staged('a consumer that is killed in its work has one result for each recording; what can\'t be worked on is put aside', async (stage) => {
  const directory = path.join(stage.directory, 'recordings');
  const made = await Promise.all([1, 2, 3, 4].map((seed) => finished(directory, { audio: wav(seed) })));
  const gateway = await Gateway.start(stage, config(directory));
  const token = await gateway.token('transcripts', '--scope', 'recordings:read');
  const results = path.join(stage.directory, 'results');
  const runs = path.join(stage.directory, 'runs');
  await mkdir(results);
  // The first two runs last as long as the consumer that began them.
  const script = await stage.write('work.sh', `set -e
echo "$WARMLINE_RECORDING" >> '${runs}'
if [ "$(wc -l < '${runs}')" -le 2 ]; then while kill -0 "$PPID" 2>/dev/null; do sleep 0.1; done; exit 1; fi
sha256sum "$1" | cut -d ' ' -f 1 > '${results}'/"$WARMLINE_RECORDING".part
mv '${results}'/"$WARMLINE_RECORDING".part '${results}'/"$WARMLINE_RECORDING"
`);
  const consumer = new Consumer(stage, gateway, token, `sh ${script} {audio} {manifest}`);
  for (const count of [1, 2]) {
    await until('it works', async () => (await lines(runs)).length === count, WITHIN);
    await consumer.kill();
    consumer.again();
  }
  await until('every recording has its result', async () => (await readdir(results)).length === 4, WITHIN);
  for (const { id, manifest } of made) assert.equal((await readFile(path.join(results, id), 'utf8')).trim(), manifest.audio.sha256);

  // Told again under its own id: nothing; under a new one: once more.
  await until('it is at rest', async () => (await lines(runs)).length === 6, WITHIN);
  await gateway.end('SIGKILL');
  await gateway.again();
  const writer = await gateway.token('archive', ...SCOPES);
  const response = await fetch(`${gateway.url}/v1/recordings/${made[0].id}/republish`, { method: 'POST', headers: { authorization: `Bearer ${writer}` } });
  assert.equal(response.status, 202);
  await until('it is worked on again', async () => (await lines(runs)).length === 7, WITHIN);
  assert.equal((await lines(runs)).at(-1), made[0].id);

  const failing = new Consumer(stage, gateway, token, 'false', { state: 'failing', more: ['--attempts', '2'] });
  await until('it gives up', async () => (await failing.dead()).length === 5, WITHIN);
  for (const letter of await failing.dead()) assert.match(letter.error, /the command ended with exit status: 1/);
});

staged('what a command started ends with its time, and with the consumer', async (stage) => {
  const directory = path.join(stage.directory, 'recordings');
  const made = await finished(directory, { audio: wav(1) });
  const gateway = await Gateway.start(stage, config(directory));
  const token = await gateway.token('transcripts', '--scope', 'recordings:read');
  const started = path.join(stage.directory, 'started');
  // A shell that waits for another process, as it does for a pipeline.
  const script = await stage.write('work.sh', `sleep 1000 & echo $! >> '${started}'\nwait\n`);
  const runs = (pid) => readFile(`/proc/${pid}/stat`, 'utf8').then((stat) => !/\) Z /.test(stat), () => false);
  const impatient = new Consumer(stage, gateway, token, `sh ${script}`, { state: 'impatient', more: ['--attempts', '1', '--patience', '1s'] });
  await until('it gives up', async () => (await impatient.dead()).length === 1, WITHIN);
  assert.match((await impatient.dead())[0].error, /took too long/);
  const [first] = await lines(started);
  await until('its process is gone', async () => !(await runs(first)), WITHIN);
  const stopped = new Consumer(stage, gateway, token, `sh ${script}`, { state: 'stopped' });
  await until('it works', async () => (await lines(started)).length === 2, WITHIN);
  const [, second] = await lines(started);
  assert.ok(await runs(second));
  stopped.process.child.kill('SIGTERM');
  assert.equal((await stopped.process.exit()).code, 0);
  assert.equal(await runs(second), false, `the process for ${made.id} is gone`);
  assert.deepEqual(await readdir(path.join(stage.directory, 'stopped', 'work')), [], 'and its audio');
});

staged('the example splits channels', async (stage) => {
  const directory = path.join(stage.directory, 'recordings');
  const { id, audio } = await finished(directory, { audio: wav(7, 200_000) });
  const gateway = await Gateway.start(stage, config(directory));
  const token = await gateway.token('transcripts', '--scope', 'recordings:read');
  const output = path.join(stage.directory, 'transcripts');
  new Consumer(stage, gateway, token, `python3 ${EXAMPLE} {audio} {manifest} ${output}`);
  const files = [`${id}.agent.wav`, `${id}.customer.wav`];
  await until('both are there', async () => (await readdir(output).catch(() => [])).sort().join() === files.join(), WITHIN);
  for (const [channel, role] of ['customer', 'agent'].entries()) {
    const mono = (await readFile(path.join(output, `${id}.${role}.wav`))).subarray(44);
    const wanted = Buffer.alloc(mono.length);
    for (let n = 0; n < 200_000; n++) audio.copy(wanted, 2 * n, 44 + 4 * n + 2 * channel, 44 + 4 * n + 2 * channel + 2);
    assert.deepEqual(mono, wanted, role);
  }
});

staged('the gateway refuses a consumer\'s token: it ends, and says why', async (stage) => {
  const gateway = await Gateway.start(stage, config(path.join(stage.directory, 'recordings')));
  const consumer = new Consumer(stage, gateway, await gateway.token('crm', '--scope', 'calls:write'), 'true');
  assert.equal((await consumer.process.exit()).code, 1);
  assert.match(consumer.process.tail(), /the gateway refuses the token: 403/);
});
