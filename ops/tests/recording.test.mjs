// Recordings, from the microphones to files that other programs open: in step, on their channels, with their gaps, and after a crash.
import assert from 'node:assert/strict';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { isTone, peak, TELEPHONE_RATE, ulaw } from './audio.mjs';
import { Ladder, sdp } from './ladder.mjs';
import { Agents } from './peers/agents.mjs';
import { binary, Gateway } from './peers/gateway.mjs';
import { assertWhole, channels, lag, probed, recordingOf, recordings, section, soxSeconds, verify } from './peers/recordings.mjs';
import { Sipp } from './peers/sipp.mjs';
import { run } from './process.mjs';
import { staged, stagedWithin, until } from './stage.mjs';

const AGENT_HZ = 440; // the headless agents' voice
const CUSTOMER_HZ = 1000;
const DIALLED = '+919000000090';
const NEVER_SEEN = Buffer.from('AGE-SECRET-KEY');

const config = (customer, port) => `
[limits]
wrap_up = "1s"

[[trunk]]
name = "carrier"
listen = "udp:127.0.0.1:${port}"
peer = "sip:${customer.address};transport=udp"
options_interval = "0s"

[[agent]]
id = "agent7"
name = "Asha"
dial_via = "carrier"
`;

const json = (method, body) => ({ method, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** A call of the headless agent to a customer who talks, or who sends back what comes. */
class Talk {
  static async begin(stage, more, { echo = false, gateway, voice } = {}) {
    const ladder = Ladder.answers().invited().respondToInvite(200, sdp('sendrecv', echo ? { port: '[media_port]' } : {})).requested('ACK');
    if (!echo) ladder.plays();
    ladder.reached('talk').requested('BYE', { within: 120_000 }).respond(200);
    const customer = await Sipp.plays(stage, ladder, { hz: CUSTOMER_HZ, echo });
    const directory = path.join(stage.directory, 'recordings');
    gateway ??= await Gateway.start(stage, config(customer, await stage.ports.take(1)) + section(directory, more));
    const agents = await Agents.signIn(stage, gateway, ['agent7'], { voice });
    const token = await gateway.token('crm', '--scope', 'calls:read', '--scope', 'calls:write');
    const { id } = await gateway.place(token, { agent: 'agent7', to: DIALLED });
    const talk = new Talk(gateway, agents, token, id, customer, directory);
    await talk.is('connected');
    return talk;
  }

  constructor(gateway, agents, token, id, customer, directory) {
    Object.assign(this, { gateway, agents, token, id, customer, directory });
  }

  show() {
    return this.gateway.api(this.token, `/v1/calls/${this.id}`);
  }

  is(state) {
    return until(`the call is ${state}`, async () => (await this.show()).state === state, { within: 20_000 });
  }

  does(what, body = {}) {
    return this.gateway.api(this.token, `/v1/calls/${this.id}/${what}`, json('POST', body));
  }

  /** Hangs up; the recording. */
  async end() {
    await this.does('hangup');
    return this.recording();
  }

  recording() {
    return recordingOf(this.directory, this.id);
  }
}

const audio = ({ place, manifest }) => path.join(place, manifest.audio.file);
const gapsOf = ({ manifest }, reason) => manifest.gaps.filter((gap) => gap.reason === reason);
const within = (value, low, high, what) => assert.ok(value >= low && value <= high, `${what}: ${value} is not between ${low} and ${high}`);

staged('both sides are on their channels; hold, mute and pause are silent, told, and as long as they were', async (stage) => {
  const talk = await Talk.begin(stage);
  assert.equal((await talk.show()).recording, 'on');
  await pause(2500);
  const parts = { hold: ['hold', 'resume'], mute: ['mute', 'unmute'] };
  for (const [begin, end] of Object.values(parts)) {
    await talk.does(begin);
    await pause(1500);
    await talk.does(end);
    await pause(1500);
  }
  assert.equal((await talk.does('record', { on: false })).recording, 'paused');
  await pause(1500);
  assert.equal((await talk.does('record', { on: true })).recording, 'on');
  await pause(1500);
  const began = await talk.show();
  const recording = await talk.end();
  const { manifest } = recording;
  await assertWhole(recording.place);
  const lasted = (await talk.show()).ended_at - began.answered_at;
  within(manifest.duration_ms, lasted - 200, lasted + 200, 'the recording lasts as long as the talk');
  assert.equal(manifest.truncated, false);
  assert.deepEqual(manifest.audio.channels.map(({ role, codec_in: codec }) => [role, Boolean(codec)]), [['customer', true], ['agent', true]]);
  const file = audio(recording);
  assert.deepEqual(await probed(file).then(({ seconds, ...rest }) => rest), { codec: 'pcm_s16le', rate: 8000, channels: 2 });
  within((await soxSeconds(file)) * 1000, manifest.duration_ms - 1, manifest.duration_ms + 1, 'sox reads all of it');
  const [customer, agent] = await channels(file);
  const second = (samples, from_ms) => peak(samples.slice(from_ms * 8, from_ms * 8 + 8192), TELEPHONE_RATE);
  assert.ok(isTone(second(customer, 1000), CUSTOMER_HZ), `channel 0 is the customer: ${JSON.stringify(second(customer, 1000))}`);
  assert.ok(isTone(second(agent, 1000), AGENT_HZ), `channel 1 is the agent: ${JSON.stringify(second(agent, 1000))}`);
  for (const [reason, of] of [['hold', [0, 1]], ['paused', [0, 1]], ['mute', [1]]]) {
    const gaps = gapsOf(recording, reason);
    assert.deepEqual(gaps.map((gap) => gap.channel).sort(), of, `${reason}: ${JSON.stringify(manifest.gaps)}`);
    for (const gap of gaps) {
      within(gap.to_ms - gap.from_ms, 1400, 3000, `${reason} on ${gap.channel}`);
      const silent = [customer, agent][gap.channel].slice(gap.from_ms * 8 + 8, gap.to_ms * 8 - 8);
      assert.ok(silent.every((sample) => sample === 0), `${reason} on ${gap.channel} is silent`);
    }
  }
  const [mute] = gapsOf(recording, 'mute');
  assert.ok(isTone(second(customer, mute.from_ms + 200), CUSTOMER_HZ), 'the customer is recorded while the agent is muted');
  const metrics = await talk.gateway.metrics();
  assert.equal(metrics.get('warmline_recordings_total'), 1);
  assert.equal(metrics.get('warmline_recording_dropped_frames_total'), 0);
});

staged('what the agent says and what comes straight back are at most 20 ms apart', async (stage) => {
  const talk = await Talk.begin(stage, '', { echo: true, voice: 'greeting' });
  await pause(8000);
  const recording = await talk.end();
  const [customer, agent] = await channels(audio(recording));
  const found = lag(agent.slice(8000, 48000), customer.slice(8000, 48000), { most: 800 });
  console.log(`the echo is ${found.samples / 8} ms behind, alike by ${found.likeness.toFixed(3)}`);
  // On a busy machine packets come unevenly, and a channel that follows them by single samples is alike, not the same.
  assert.ok(found.likeness > 0.6, `it is the same speech: ${found.likeness}`);
  within(found.samples, -160, 160, 'samples apart');
});

staged('a killed gateway loses a second at most, and the rest is published, verifies and plays; encrypted too', async (_, context) => {
  for (const sealed of [false, true]) {
    await stagedWithin(context, sealed ? 'encrypted' : 'plain', async (stage) => {
      const identity = path.join(stage.directory, 'identity');
      let more = '';
      if (sealed) {
        const { stdout } = await run('age keys', 'age-keygen', []);
        await writeFile(identity, stdout);
        more = `recipients = ["${/age1\w+/.exec(stdout)[0]}"]`;
      }
      const talk = await Talk.begin(stage, more);
      const answered = (await talk.show()).answered_at;
      await pause(6000);
      await talk.gateway.end('SIGKILL');
      const killed = Date.now();
      await talk.gateway.again();
      const recording = await talk.recording();
      const { manifest } = recording;
      assert.equal(manifest.truncated, true);
      assert.equal(manifest.status, 'truncated');
      within(manifest.duration_ms, killed - answered - 1000, killed - answered + 100, 'all but the last second');
      await assertWhole(recording.place);
      let file = audio(recording);
      if (sealed) {
        assert.equal(manifest.encryption.scheme, 'age-key-aes256gcm');
        file = path.join(stage.directory, 'opened.wav');
        const { code, stderr } = await run('decrypt', binary('warmline'), ['recording', 'decrypt', '-i', identity, '-o', file, recording.place]);
        assert.equal(code, 0, stderr);
        await assertNoPlaintext(talk.directory, file);
      }
      assert.equal((await probed(file)).channels, 2);
      const [customer, agent] = await channels(file);
      assert.ok(isTone(peak(customer.slice(8000, 24384), TELEPHONE_RATE), CUSTOMER_HZ));
      assert.ok(isTone(peak(agent.slice(8000, 24384), TELEPHONE_RATE), AGENT_HZ));
    });
  }
});

staged('each format is what other programs think it is', async (_, context) => {
  const formats = { 'wav-g711': ['pcm_alaw', 8000], 'ogg-opus': ['opus', 48000] };
  for (const [format, [codec, rate]] of Object.entries(formats)) {
    await stagedWithin(context, format, async (stage) => {
      const talk = await Talk.begin(stage, `format = "${format}"`);
      await pause(4000);
      const recording = await talk.end();
      await assertWhole(recording.place);
      const file = audio(recording);
      const found = await probed(file);
      assert.deepEqual([found.codec, found.rate, found.channels], [codec, rate, 2]);
      within(found.seconds * 1000, recording.manifest.duration_ms - 30, recording.manifest.duration_ms + 30, 'ffprobe reads all of it');
      const seconds = await soxSeconds(file);
      if (format === 'wav-g711') within(seconds * 1000, recording.manifest.duration_ms - 1, recording.manifest.duration_ms + 1, 'sox reads all of it');
      const [customer, agent] = await channels(file);
      assert.ok(isTone(peak(customer.slice(8000, 24384), TELEPHONE_RATE), CUSTOMER_HZ), JSON.stringify(peak(customer.slice(8000, 24384), TELEPHONE_RATE)));
      assert.ok(isTone(peak(agent.slice(8000, 24384), TELEPHONE_RATE), AGENT_HZ), JSON.stringify(peak(agent.slice(8000, 24384), TELEPHONE_RATE)));
    });
  }
});

staged('one flipped byte is found, and its second named', async (stage) => {
  const talk = await Talk.begin(stage);
  await pause(3500);
  const recording = await talk.end();
  await assertWhole(recording.place);
  const file = audio(recording);
  const octets = await readFile(file);
  octets[58 + 2 * 32000 + 77] ^= 1;
  await writeFile(file, octets);
  const { code, said } = await verify(recording.place);
  assert.equal(code, 1);
  assert.match(said, /second 2 \(00:00:02\): the audio/);
  octets[58 + 2 * 32000 + 77] ^= 1;
  await writeFile(file, octets);
  await assertWhole(recording.place);
});

staged('a disk that is full ends no call; what was there before is untouched, and what comes when there is room again is kept', async (stage) => {
  const directory = path.join(stage.directory, 'recordings');
  await stage.write('recordings/here', '');
  const mounted = await run('mount', 'mount', ['-t', 'tmpfs', '-o', 'size=3m', 'none', directory]);
  assert.equal(mounted.code, 0, mounted.stderr);
  stage.leaves(() => run('umount', 'umount', ['-l', directory]));
  const talk = await Talk.begin(stage);
  await pause(3000);
  // Somebody else takes all that is left.
  const filler = path.join(directory, 'filler');
  await run('dd', 'dd', ['if=/dev/zero', `of=${filler}`, 'bs=4k']);
  await pause(3000);
  assert.equal((await talk.show()).state, 'connected', 'the call goes on');
  await run('rm', 'rm', [filler]);
  await pause(3000);
  const recording = await talk.end();
  await assertWhole(recording.place);
  const { manifest } = recording;
  const dropped = gapsOf(recording, 'dropped');
  assert.deepEqual(dropped.map((gap) => gap.channel), [0, 1], JSON.stringify(manifest.gaps));
  within(dropped[0].to_ms - dropped[0].from_ms, 1000, 5000, 'as long as the disk was full');
  const [customer] = await channels(await copied(stage, audio(recording)));
  assert.ok(isTone(peak(customer.slice(8000, 16192), TELEPHONE_RATE), CUSTOMER_HZ), 'before');
  assert.ok(isTone(peak(customer.slice(-16192, -8000), TELEPHONE_RATE), CUSTOMER_HZ), 'after');
  assert.ok((await talk.gateway.metrics()).get('warmline_recording_dropped_frames_total') > 0);
  assert.equal((await recordings(directory)).length, 1);
});

async function copied(stage, file) {
  const copy = path.join(stage.directory, 'copy.wav');
  await writeFile(copy, await readFile(file));
  return copy;
}

/** No sixteen samples of what was said are anywhere below the directory, in any coding, nor anything that opens it. */
async function assertNoPlaintext(directory, opened) {
  const plain = await readFile(opened);
  const telephone = (await channels(opened)).map((samples) => ulaw(samples.slice(16_000, 16_064)));
  const patterns = [plain.subarray(58 + 64_000, 58 + 64_064), plain.subarray(58 + 96_000, 58 + 96_064), ...telephone, NEVER_SEEN, Buffer.from('RIFF')];
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  for (const entry of entries.filter((each) => each.isFile())) {
    const octets = await readFile(path.join(entry.parentPath, entry.name));
    for (const pattern of patterns) assert.equal(octets.indexOf(pattern), -1, `${entry.name} shows what was said`);
  }
}
