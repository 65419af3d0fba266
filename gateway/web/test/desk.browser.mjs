// The built desk in a real browser, against the mock gateway: what an agent sees at each turn of a call.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { FarEnd, launch, WITHOUT_PERMISSION } from './browser.mjs';
import { MockGateway } from './mock.mjs';

let browser, gateway, farEnd, context, page, complaints;

before(async () => (browser = await launch()));
after(() => browser.close());

beforeEach(async () => {
  gateway = await new MockGateway((sdp, restart) => farEnd.answer(sdp, restart)).listen();
  farEnd = await FarEnd.in(browser, gateway.url, ready);
  context = await browser.newContext();
  page = await newPage(context);
});

afterEach(async () => {
  await context.close();
  await gateway.close();
  assert.deepEqual(complaints, [], 'the page’s console stays empty');
});

const ready = () => gateway.tellAgent({ media: 'up', ready: true, not_ready_because: undefined });

async function newPage(context) {
  const page = await context.newPage();
  complaints = [];
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (line) => {
    // A refused WebSocket handshake is logged by the browser itself, and is what some tests are about.
    if (line.type() === 'error' && !line.text().includes('WebSocket')) complaints.push(line.text());
  });
  return page;
}

const light = () => page.getByTestId('ready-light');
const card = () => page.getByTestId('card');
const state = (expected) => page.waitForSelector(`[data-testid=card][data-state=${expected}]`);
const callId = () => card().getAttribute('data-call');

async function signIn() {
  await page.goto(`${gateway.url}/desk#token=agent-token`);
  await page.waitForSelector('[data-testid=ready-light][data-ready=true]');
}

async function dialAndConnect(number = '+919000000001') {
  await page.getByTestId('number').fill(number);
  await page.getByTestId('call').click();
  const { call } = await gateway.asked('dial');
  gateway.tellCall(call, { state: 'connected', progress: undefined, answered_at: Date.now() });
  await state('connected');
  return call;
}

/** The loudest frequency that the agent hears, in hertz. */
function heard() {
  return page.evaluate(async () => {
    const context = new AudioContext();
    const analyser = new AnalyserNode(context, { fftSize: 8192 });
    context.createMediaStreamSource(globalThis.warmline.agent.audio.remoteStream).connect(analyser);
    await new Promise((resolve) => setTimeout(resolve, 700));
    const levels = new Float32Array(analyser.frequencyBinCount);
    analyser.getFloatFrequencyData(levels);
    const loudest = levels.indexOf(Math.max(...levels));
    return levels[loudest] > -60 ? (loudest * context.sampleRate) / analyser.fftSize : 0;
  });
}

test('the token leaves the address, goes into hello, and the agent gets ready and hears the far end', async () => {
  await signIn();
  assert.equal(new URL(page.url()).hash, '');
  const hello = await gateway.asked('hello');
  assert.equal(hello.token, 'agent-token');
  const { sdp } = await gateway.asked('media');
  assert.match(sdp, /^m=audio \d+ UDP\/TLS\/RTP\/SAVPF 8 0 \d+\r$/m);
  assert.ok(Math.abs((await heard()) - 440) < 10);
  assert.equal(farEnd.legs, 1);
});

test('the card is in the document before the next frame, while the gateway says nothing', async () => {
  gateway.silent.add('dial');
  await signIn();
  await page.getByTestId('number').fill('+91 90000 00001');
  const inTime = await page.evaluate(
    () =>
      new Promise((resolve) => {
        document.querySelector('[data-testid=call]').click();
        requestAnimationFrame(() => resolve(document.querySelector('[data-testid=card]')?.dataset.state));
      }),
  );
  assert.equal(inTime, 'ringing-out');
  const dial = await gateway.asked('dial');
  assert.equal(dial.to, '+919000000001');
  assert.equal(dial.call, await callId());
  assert.match(dial.call, /^c_[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});

test('a dialled call goes through its progress to connected, and Answer never shows', async () => {
  await signIn();
  // Watches every change of the document, not just the ones that the test looks at.
  await page.evaluate(() => {
    globalThis.sawAnswer = false;
    new MutationObserver(() => {
      globalThis.sawAnswer ||= Boolean(document.querySelector('[data-testid=answer], [data-testid=decline]'));
    }).observe(document, { subtree: true, childList: true });
  });
  await page.getByTestId('number').fill('+919000000001');
  await page.getByTestId('number').press('Enter');
  const { call } = await gateway.asked('dial');
  for (const [progress, words] of [['dialing', 'Dialling'], ['alerting', 'Ringing at the other end']]) {
    gateway.tellCall(call, { progress });
    await card().getByText(words).waitFor();
  }
  gateway.tellCall(call, { state: 'connected', progress: undefined, answered_at: Date.now() - 65_000 });
  await state('connected');
  await card().getByText(/1:0\d/).waitFor();
  assert.equal(await page.evaluate(() => globalThis.sawAnswer), false);
});

test('a second Enter after the dial ends nothing', async () => {
  await signIn();
  await page.getByTestId('number').fill('+919000000001');
  await page.keyboard.press('Enter');
  await state('ringing-out');
  await page.keyboard.press('Enter');
  await page.keyboard.press('Space');
  await gateway.asked('dial');
  assert.ok(!gateway.requests.some(({ op }) => op === 'hangup'));
});

test('a refused dial shows the gateway’s sentence, and Call again dials anew', async () => {
  gateway.refusals.dial = { type: '/problems/line-down', title: 'Line down', status: 503, detail: 'The line to Ozonetel is down.', retryable: true };
  await signIn();
  await page.getByTestId('number').fill('+919000000001');
  await page.getByTestId('call').click();
  await page.getByTestId('ended-detail').getByText('The line to Ozonetel is down.').waitFor();
  delete gateway.refusals.dial;
  const [first, asked] = [await callId(), gateway.requests.length];
  await page.getByRole('button', { name: 'Call again' }).click();
  const again = await gateway.asked('dial', { after: asked });
  assert.equal(again.to, '+919000000001');
  assert.notEqual(again.call, first);
});

test('a number that can’t be dialled is refused on the spot', async () => {
  await signIn();
  await page.getByTestId('number').fill('call me');
  await page.getByTestId('call').click();
  await page.getByRole('alert').getByText('That can’t be dialled').waitFor();
  assert.equal(await card().count(), 0);
});

test('End while ringing out hangs up, and Done brings the dialler back', async () => {
  await signIn();
  await page.getByTestId('number').fill('+919000000001');
  await page.getByTestId('call').click();
  await gateway.asked('dial');
  await page.getByTestId('end').click();
  assert.equal((await gateway.asked('hangup')).call, await callId());
  await state('closed');
  await page.getByTestId('done').click();
  await page.getByTestId('number').waitFor();
  await page.getByRole('button', { name: 'Call +919000000001' }).waitFor();
});

test('mute silences the microphone at once and asks the gateway; a new call isn’t muted', async () => {
  await signIn();
  const call = await dialAndConnect();
  const enabled = () => page.evaluate(() => globalThis.warmline.agent.audio.track.enabled);
  gateway.silent.add('mute');
  await page.getByTestId('mute').click();
  assert.equal(await enabled(), false);
  assert.equal(await page.getByTestId('mute').getAttribute('aria-pressed'), 'true');
  assert.deepEqual((({ call, on }) => ({ call, on }))(await gateway.asked('mute')), { call, on: true });
  gateway.end(call, 'customer', 'The customer hung up.');
  await state('wrap-up');
  assert.equal(await enabled(), true);
});

test('a mute that the gateway refuses is taken back, and its sentence shows', async () => {
  gateway.refusals.mute = { type: '/problems/conflict', title: 'Conflict', status: 409, detail: 'The call is on hold.' };
  await signIn();
  await dialAndConnect();
  await page.getByTestId('mute').click();
  await card().getByText('The call is on hold.').waitFor();
  assert.equal(await page.getByTestId('mute').getAttribute('aria-pressed'), 'false');
  assert.equal(await page.evaluate(() => globalThis.warmline.agent.audio.track.enabled), true);
});

test('digits go out one by one, by mouse and by keyboard', async () => {
  await signIn();
  const call = await dialAndConnect();
  await page.getByTestId('keypad').click();
  await card().getByRole('button', { name: '5', exact: true }).click();
  await page.keyboard.press('#');
  await card().getByText('5#').waitFor();
  await gateway.asked('digits', { after: gateway.requests.findIndex(({ tones }) => tones === '5') + 1 });
  const sent = gateway.requests.filter(({ op }) => op === 'digits');
  assert.deepEqual(sent.map(({ call, tones }) => [call, tones]), [[call, '5'], [call, '#']]);
});

test('after the customer hangs up the reason shows, and Done sends the disposition', async () => {
  await signIn();
  const call = await dialAndConnect();
  gateway.end(call, 'customer', 'The customer hung up.');
  await state('wrap-up');
  assert.equal(await page.getByTestId('ended-detail').textContent(), 'The customer hung up.');
  await page.getByTestId('done').click();
  assert.deepEqual((({ call, code }) => ({ call, code }))(await gateway.asked('dispose')), { call, code: 'done' });
  await page.getByTestId('number').waitFor();
  assert.equal(await card().count(), 0);
});

test('an incoming call rings, and is answered here', async () => {
  await signIn();
  gateway.tellCall('c_in', { state: 'ringing-in', via: 'trunk-a' });
  await state('ringing-in');
  assert.match(await page.title(), /Incoming call from \+919000000042/);
  await page.getByRole('button', { name: 'Answer' }).click();
  assert.equal((await gateway.asked('answer')).call, 'c_in');
  await state('connected');
});

test('an incoming call can be declined', async () => {
  await signIn();
  gateway.tellCall('c_in', { state: 'ringing-in' });
  await page.getByRole('button', { name: 'Decline' }).click();
  assert.equal((await gateway.asked('reject')).call, 'c_in');
  await state('closed');
});

test('a lost socket shows a banner, keeps the call and its leg, and resumes the session', async () => {
  await signIn();
  const call = await dialAndConnect();
  const asked = gateway.requests.length;
  gateway.door = 'shut';
  gateway.cut();
  await page.getByTestId('banner').getByText('Your call goes on').waitFor();
  assert.equal(await card().getAttribute('data-state'), 'connected');
  assert.equal(await light().getAttribute('data-ready'), 'false');
  await page.getByTestId('end').click();
  gateway.door = 'open';
  const hello = await gateway.asked('hello', { after: asked });
  assert.equal(hello.session, 'session-1');
  assert.ok(hello.seq > 0);
  // The hang-up that nobody could hear is said again.
  assert.equal((await gateway.asked('hangup', { after: asked })).call, call);
  await state('wrap-up');
  assert.equal(farEnd.legs, 1);
});

test('a socket that has gone silent without closing is given up and made anew', async () => {
  gateway.heartbeatMs = 1_000;
  await signIn();
  const asked = gateway.requests.length;
  gateway.silent.add('stats');
  const hello = await gateway.asked('hello', { after: asked, within: 10_000 });
  assert.equal(hello.session, 'session-1');
  assert.equal(farEnd.legs, 1);
});

test('a dial whose reply was lost is repeated with the same id', async () => {
  gateway.silent.add('dial');
  await signIn();
  await page.getByTestId('number').fill('+919000000001');
  await page.getByTestId('call').click();
  const first = await gateway.asked('dial');
  const asked = gateway.requests.length;
  gateway.silent.clear();
  gateway.cut();
  const again = await gateway.asked('dial', { after: asked });
  assert.equal(again.call, first.call);
  assert.equal(await card().getAttribute('data-state'), 'ringing-out');
});

test('a reload keeps session, token and call, and brings the audio back', async () => {
  await signIn();
  const call = await dialAndConnect();
  const asked = gateway.requests.length;
  await page.reload();
  await state('connected');
  assert.equal(await callId(), call);
  assert.equal((await gateway.asked('hello', { after: asked })).session, 'session-1');
  await gateway.asked('media', { after: asked });
  await page.waitForFunction(() => globalThis.warmline.agent.media.is === 'up');
  assert.ok(Math.abs((await heard()) - 440) < 10);
  assert.ok(!gateway.requests.some(({ op }) => op === 'hangup'));
});

test('a leg that the gateway reports as down is made anew', async () => {
  await signIn();
  gateway.tellAgent({ media: 'down', ready: false, not_ready_because: 'No audio arrives.' });
  await page.waitForSelector('[data-testid=ready-light][data-ready=true]');
  assert.equal(farEnd.legs, 2);
});

test('a far end that dies is noticed by the page alone, and the leg is made anew', async () => {
  await signIn();
  await farEnd.close();
  await page.waitForFunction(() => globalThis.warmline.agent.media.is !== 'up');
  await page.waitForFunction(() => globalThis.warmline.agent.media.is === 'up');
  assert.equal(farEnd.legs, 2);
  assert.ok(Math.abs((await heard()) - 440) < 10);
});

test('a network change restarts ICE on the same leg, and the call goes on', async () => {
  await page.addInitScript(() => {
    const { RTCPeerConnection } = globalThis;
    globalThis.RTCPeerConnection = class extends RTCPeerConnection {
      constructor(configuration) {
        super(configuration);
        globalThis.pc = this;
      }
    };
  });
  await signIn();
  await dialAndConnect();
  const asked = gateway.requests.length;
  // What the browser says when the path to the gateway is gone; on loopback it never is.
  await page.evaluate(() => {
    Object.defineProperty(globalThis.pc, 'connectionState', { value: 'disconnected', configurable: true });
    globalThis.pc.dispatchEvent(new Event('connectionstatechange'));
    delete globalThis.pc.connectionState;
  });
  assert.equal((await gateway.asked('media', { after: asked })).restart, true);
  await page.waitForFunction(() => globalThis.warmline.agent.media.is === 'up');
  assert.deepEqual([farEnd.legs, farEnd.restarts], [1, 1]);
  assert.equal(await card().getAttribute('data-state'), 'connected');
  assert.ok(Math.abs((await heard()) - 440) < 10);
});

test('newest tab wins: this one says so, and can take the desk back', async () => {
  await signIn();
  gateway.send({ ev: 'bye', code: 'replaced', reconnect: false });
  await page.getByTestId('banner').getByText('another tab').waitFor();
  assert.equal(await light().getAttribute('data-ready'), 'false');
  await page.getByRole('button', { name: 'Use this tab' }).click();
  await page.waitForSelector('[data-testid=ready-light][data-ready=true]');
});

test('a token that is refused leads to the sign-in page with the sentence', async () => {
  gateway.refusals.hello = { type: '/problems/forbidden', title: 'Forbidden', status: 403, detail: 'This token is for recordings, not for the desk.' };
  await page.goto(`${gateway.url}/desk#token=wrong`);
  await page.getByRole('alert').getByText('This token is for recordings').waitFor();
  delete gateway.refusals.hello;
  await page.getByTestId('token').fill('agent-token');
  await page.getByTestId('sign-in').click();
  await page.waitForSelector('[data-testid=ready-light][data-ready=true]');
});

for (const colorScheme of ['light', 'dark']) {
  test(`axe finds nothing to complain about in the ${colorScheme}`, async () => {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    const axe = await readFile(createRequire(import.meta.url).resolve('axe-core'), 'utf8');
    const complain = async (state) => {
      if (!(await page.evaluate(() => 'axe' in globalThis))) await page.evaluate(axe);
      const { violations } = await page.evaluate(() => globalThis.axe.run());
      const found = violations.flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`));
      assert.deepEqual(found, [], state);
    };
    await page.goto(`${gateway.url}/desk`);
    await page.getByTestId('sign-in').click();
    await complain('sign-in');
    await signIn();
    await complain('idle');
    const call = await dialAndConnect();
    await page.getByTestId('mute').click();
    await page.getByTestId('keypad').click();
    await complain('connected, muted, with its keypad');
    gateway.end(call, 'customer', 'The customer hung up.');
    await state('wrap-up');
    await complain('wrap-up');
    await page.getByTestId('done').click();
    gateway.tellCall('c_in', { state: 'ringing-in', via: 'trunk-a' });
    await state('ringing-in');
    await complain('ringing-in');
    gateway.end('c_in', 'customer', 'The caller hung up.');
    await state('closed');
    await complain('missed');
    gateway.send({ ev: 'bye', code: 'replaced', reconnect: false });
    await page.getByTestId('banner').waitFor();
    await complain('open elsewhere');
  });
}

test('a microphone that is allowed later is taken without a click', async () => {
  const strict = await launch(WITHOUT_PERMISSION);
  try {
    page = await newPage(await strict.newContext());
    await page.goto(`${gateway.url}/desk#token=agent-token`);
    await light().getByText('may not use the microphone').waitFor();
    await page.context().grantPermissions(['microphone']);
    await gateway.asked('media');
  } finally {
    await strict.close();
  }
});

test('without a microphone the light says why, and Try again tries again', async () => {
  const strict = await launch(WITHOUT_PERMISSION);
  try {
    page = await newPage(await strict.newContext());
    // As browsers do that tell nothing of this permission.
    await page.addInitScript(() => (navigator.permissions.query = () => Promise.reject(new TypeError())));
    await page.goto(`${gateway.url}/desk#token=agent-token`);
    await light().getByText('may not use the microphone').waitFor();
    assert.ok(await page.getByTestId('call').isDisabled());
    assert.ok(!gateway.requests.some(({ op }) => op === 'media'));
    await page.context().grantPermissions(['microphone']);
    await page.getByTestId('try-again').click();
    await gateway.asked('media');
  } finally {
    await strict.close();
  }
});

test('a platform’s dispositions can be chosen from in the wrap-up, and the chosen one is sent', async () => {
  let asked;
  await page.route('**/v1/agents/agent7/dispositions', (route) => {
    asked = route.request().headers().authorization;
    return route.fulfill({ json: { dispositions: [{ id: '1', name: 'Sold' }, { name: 'Call back' }] } });
  });
  await signIn();
  const call = await dialAndConnect();
  gateway.tellCall(call, { state: 'wrap-up', agent: 'agent7', via: 'ozonetel', ended_at: Date.now(), ended: { by: 'customer', reason: 'hangup', detail: 'The customer hung up.' } });
  await page.getByTestId('disposition').selectOption('Call back');
  await page.getByTestId('done').click();
  assert.equal((await gateway.asked('dispose')).code, 'Call back');
  assert.equal(asked, 'Bearer agent-token');
});
