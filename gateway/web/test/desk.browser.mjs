// The built desk in a real browser, against the mock gateway: what an agent sees at each turn of a call.

import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { FarEnd, launch, WITHOUT_PERMISSION } from './browser.mjs';
import { MockGateway } from './mock.mjs';
import { speech } from './wav.mjs';

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
  const after = gateway.requests.length;
  await page.getByTestId('number').fill(number);
  await page.getByTestId('call').click();
  const { call } = await gateway.asked('dial', { after });
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
  assert.match(sdp, /^m=audio \d+ UDP\/TLS\/RTP\/SAVPF 8 0( \d+)+\r$/m);
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
  await page.getByRole('button', { name: 'Call +919000000001 again' }).waitFor();
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
  await page.getByTestId('banner').getByText('in another tab or on another device').waitFor();
  assert.equal(await light().getAttribute('data-ready'), 'false');
  await page.getByRole('button', { name: 'Use this tab' }).click();
  await page.waitForSelector('[data-testid=ready-light][data-ready=true]');
  gateway.send({ ev: 'bye', code: 'taken-over', reconnect: false });
  await page.getByTestId('banner').getByText('in another browser').waitFor();
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

const wish = ({ id, ...asked }) => asked;

test('the outcome, the notes and the time of a call back are saved, and the agent is ready again', async () => {
  gateway.dispositions = ['Sold', 'Call back'];
  await signIn();
  const call = await dialAndConnect();
  gateway.end(call, 'customer', 'The customer hung up.');
  await page.getByTestId('disposition').selectOption('Call back');
  await page.getByTestId('notes').fill('After the holidays.');
  await page.getByTestId('callback').fill('2027-01-04T09:30');
  assert.match(await page.getByTestId('countdown').textContent(), /^Wrap-up ends in 0:(30|2\d)$/);
  await page.getByTestId('done').click();
  const callback_at = await page.evaluate(() => new Date('2027-01-04T09:30').getTime());
  assert.deepEqual(wish(await gateway.asked('dispose')), { op: 'dispose', call, code: 'Call back', notes: 'After the holidays.', callback_at });
  await page.getByTestId('number').waitFor();
  assert.ok(!gateway.requests.some(({ op }) => op === 'status'), 'an agent who is available stays it');
});

test('Save alone takes a break before the wrap-up ends, and Save and ready ends one', async () => {
  await signIn();
  gateway.end(await dialAndConnect(), 'customer', 'The customer hung up.');
  await page.getByTestId('save').click();
  await gateway.asked('dispose');
  const order = gateway.requests.map(({ op }) => op).filter((op) => op === 'status' || op === 'dispose');
  assert.deepEqual(order, ['status', 'dispose']);
  await light().getByText('on a break').waitFor();
  const after = gateway.requests.length;
  gateway.end(await dialAndConnect('+919000000002'), 'customer', 'The customer hung up.');
  await page.getByTestId('done').click();
  assert.equal((await gateway.asked('status', { after })).name, 'available');
});

test('what was typed outlives the wrap-up, and goes into the record', async () => {
  await signIn();
  const call = await dialAndConnect();
  gateway.end(call, 'customer', 'The customer hung up.');
  await page.getByTestId('notes').fill('Half a sentence');
  gateway.tellCall(call, { state: 'closed', closes_at: undefined });
  await card().getByText('can still be saved').waitFor();
  assert.equal(await page.getByTestId('notes').inputValue(), 'Half a sentence');
  await page.getByTestId('done').click();
  await page.getByTestId('number').waitFor();
  assert.deepEqual(gateway.changes, [{ path: `/v1/calls/${call}/disposition`, body: { code: 'done', notes: 'Half a sentence' } }]);
});

test('the status menu asks the gateway, and closes with its keys', async () => {
  await signIn();
  await page.getByTestId('status').focus();
  await page.keyboard.press('Enter');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  assert.equal((await gateway.asked('status')).name, 'break');
  await light().getByText('on a break').waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.dataset.testid), 'status');
  await page.keyboard.press('Enter');
  await page.keyboard.press('Escape');
  assert.equal(await page.getByRole('menu').count(), 0);
});

test('a status of the operator’s own is chosen by its label', async () => {
  await signIn();
  await page.getByTestId('status').click();
  await page.getByRole('menuitemradio', { name: /^Lunch/ }).click();
  assert.equal((await gateway.asked('status')).name, 'lunch');
  await page.getByTestId('status').getByText('Lunch').waitFor();
});

test('who a number is, is asked at the click, once, while the dial waits, and the name stands on the card', async () => {
  gateway.customers['+919000000001'] = { name: 'Meera Krishnan', fields: [{ label: 'Plan', value: 'Gold' }] };
  gateway.silent.add('dial');
  await signIn();
  await page.getByTestId('number').fill('+919000000001');
  await page.getByTestId('call').click();
  await card().getByText('Calling Meera Krishnan…').waitFor();
  await page.getByTestId('context').getByText('Gold').waitFor();
  const { call } = await gateway.asked('dial');
  const talk = { direction: 'outbound', peer: { number: '+919000000001' }, answered_at: Date.now() };
  for (const state of ['connected', 'held', 'connected', 'wrap-up']) gateway.tellCall(call, { ...talk, state });
  await state('wrap-up');
  assert.deepEqual(gateway.lookups.map(({ number }) => number), ['+919000000001']);
});

test('links that would run in the page, and frames of its own origin, are not drawn', async () => {
  gateway.customers['+919000000042'] = {
    name: 'Mallory',
    links: [{ label: 'Run', url: 'javascript:alert(1)' }, { label: 'File', url: 'https://crm.example.com/' }],
    frame: `${gateway.url}/desk`,
  };
  await signIn();
  gateway.tellCall('c_in', { state: 'ringing-in' });
  await page.getByTestId('context').getByText('File').waitFor();
  assert.deepEqual(await page.getByTestId('context').getByRole('link').allTextContents(), ['File']);
  assert.equal(await page.locator('iframe').count(), 0);
});

test('a look-up that failed says so, and can be tried again', async () => {
  gateway.failures['+919000000042'] = { type: '/problems/lookup-failed', title: 'Failed', status: 504, detail: 'The customer system didn’t answer in time.' };
  await signIn();
  gateway.tellCall('c_in', { state: 'ringing-in' });
  const panel = page.getByTestId('context');
  await panel.getByText('didn’t answer in time').waitFor();
  complaints = []; // the browser itself logs the 504
  gateway.failures = {};
  gateway.customers['+919000000042'] = { name: 'Meera Krishnan' };
  await panel.getByRole('button', { name: 'Try again' }).click();
  await panel.getByText('Meera Krishnan').waitFor();
});

test('a transfer goes where it is sent, after a word or at once', async () => {
  await signIn();
  const call = await dialAndConnect();
  await page.getByTestId('transfer').click();
  await page.getByTestId('transfer-to').fill('nowhere at all');
  await page.getByTestId('transfer-blind').click();
  await card().getByText('That is nowhere').waitFor();
  await page.getByTestId('transfer-to').fill('agent:agent8');
  await page.getByTestId('transfer-to').press('Enter');
  assert.deepEqual(wish(await gateway.asked('transfer')), { op: 'transfer', call, to: 'agent:agent8', mode: 'consult' });
  gateway.tellCall(call, { state: 'held', linked: 'c_other' });
  gateway.tellCall('c_other', { direction: 'outbound', state: 'connected', peer: { number: '+919000000005' }, started_at: Date.now() + 1, answered_at: Date.now(), linked: call });
  await page.getByTestId('consulting').getByText('+919000000001 waits with music').waitFor();
  assert.equal(await page.getByTestId('consulting').count(), 1);
  await page.getByTestId('transfer-complete').click();
  assert.deepEqual(wish(await gateway.asked('complete')), { op: 'complete', call: 'c_other' });
  await page.getByTestId('transfer-back').click();
  assert.equal((await gateway.asked('hangup')).call, 'c_other');
  gateway.tellCall('c_other', { state: 'closed' });
  gateway.tellCall(call, { state: 'connected', linked: undefined });
  const after = gateway.requests.length;
  await page.getByTestId('transfer').click();
  await page.getByTestId('transfer-to').fill('+91 90000 00042');
  await page.getByTestId('transfer-blind').click();
  assert.deepEqual(wish(await gateway.asked('transfer', { after })), { op: 'transfer', call, to: '+919000000042', mode: 'blind' });
});

test('a recording is paused and goes on; a call that isn’t recorded has no such button', async () => {
  await signIn();
  const call = await dialAndConnect();
  assert.equal(await page.getByTestId('recording').count(), 0);
  gateway.tellCall(call, { recording: 'on' });
  await page.getByTestId('record').click();
  assert.deepEqual(wish(await gateway.asked('record')), { op: 'record', call, on: false });
  await page.getByText('Recording is paused').waitFor();
});

test('keys do what the buttons do, and nothing where there is no button', async () => {
  await signIn();
  await page.keyboard.press('Alt+m');
  await page.keyboard.press('Alt+n');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'number');
  gateway.tellCall('c_in', { state: 'ringing-in' });
  await state('ringing-in');
  await page.keyboard.press('m');
  await page.keyboard.press('Alt+a');
  await state('connected');
  assert.ok(!gateway.requests.some(({ op }) => op === 'mute'));
  await page.keyboard.press('Alt+m');
  await gateway.asked('mute');
  await page.keyboard.press('Alt+h');
  await state('held');
  await page.keyboard.press('Alt+x');
  await state('wrap-up');
  await page.keyboard.press('Alt+s');
  await page.getByTestId('number').waitFor();
});

test('the focus stays with the card when the button that had it goes', async () => {
  await signIn();
  await dialAndConnect();
  await page.getByTestId('end').focus();
  await page.keyboard.press('Enter');
  await state('wrap-up');
  assert.equal(await page.evaluate(() => document.activeElement.dataset.testid), 'card');
});

test('the calls of before are listed, and a recording is seen, sought in, played and sped up', async () => {
  const past = { id: 'c_1', agent: 'agent7', direction: 'outbound', state: 'closed', via: 'ozonetel', peer: { number: '+919000000012' }, muted: false, recording: 'on' };
  gateway.records = [{ ...past, started_at: Date.now() - 200_000, answered_at: Date.now() - 190_000, ended_at: Date.now() - 100_000, disposition: { code: 'Sold' } }];
  gateway.recordings = { c_1: speech({ seconds: 4 }) };
  await signIn();
  const recent = page.getByTestId('recent');
  await recent.getByText('Outgoing, 1 min 30 s').click();
  await recent.getByText('Sold').waitFor();
  const slider = page.getByRole('slider');
  const shows = (text) => page.locator(`[role=slider][aria-valuetext="${text}"]`).waitFor();
  await shows('0:00 of 0:04');
  await slider.press('End');
  await shows('0:04 of 0:04');
  const box = await slider.boundingBox();
  await page.mouse.click(box.x + box.width / 2, box.y + box.height / 2);
  assert.equal(await slider.getAttribute('aria-valuenow'), '2');
  assert.equal(await page.locator('.lane svg path.played').count(), 2);
  await page.getByRole('button', { name: 'Play' }).click();
  await page.getByRole('button', { name: 'Speed' }).click();
  assert.equal(await page.evaluate(() => document.querySelector('audio').playbackRate), 1.25);
  await page.waitForFunction(() => document.querySelector('audio').currentTime > 2.2);
  await recent.getByRole('button', { name: 'Call +919000000012 again' }).click();
  assert.equal((await gateway.asked('dial')).to, '+919000000012');
});
