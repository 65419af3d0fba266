// Every state of the desk, in light, dark, zoomed and narrow: axe finds nothing in it, and its picture is kept to be looked at, in the folder
// that WARMLINE_SHOTS names or else in one of the system's for temporary files.

import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { FarEnd, launch, WITHOUT_PERMISSION } from './browser.mjs';
import { MockGateway } from './mock.mjs';
import { speech } from './wav.mjs';

const LOOKS = {
  light: { viewport: { width: 1280, height: 860 }, colorScheme: 'light' },
  dark: { viewport: { width: 1280, height: 860 }, colorScheme: 'dark' },
  // The same window as the others', its contents twice as large.
  zoomed: { viewport: { width: 640, height: 430 }, deviceScaleFactor: 2, colorScheme: 'light' },
  // What WCAG 1.4.10 wants to be enough.
  narrow: { viewport: { width: 320, height: 640 }, colorScheme: 'dark', hasTouch: true, isMobile: true },
};
const MEERA = {
  name: 'Meera Krishnan',
  summary: 'Asked last week to move her mother’s appointment.\nPrefers calls in the morning.',
  fields: [{ label: 'City', value: 'Chennai' }, { label: 'Plan', value: 'Family care' }, { label: 'Customer since', value: '2021' }],
  links: [{ label: 'Open the customer’s file', url: 'https://crm.example.com/c/1' }, { label: 'Write an e-mail', url: 'mailto:meera@example.com' }],
};

let folder, axe;
before(async () => {
  folder = process.env.WARMLINE_SHOTS ?? (await mkdtemp(join(tmpdir(), 'warmline-desk-')));
  await mkdir(folder, { recursive: true });
  axe = await readFile(createRequire(import.meta.url).resolve('axe-core'), 'utf8');
  console.log(`pictures: ${folder}`);
});

for (const [look, options] of Object.entries(LOOKS)) {
  test(`every state can be read by everybody, ${look}`, { timeout: 180_000 }, async () => {
    const browser = await launch();
    const gateway = await new MockGateway((sdp, restart) => farEnd.answer(sdp, restart)).listen();
    const farEnd = await FarEnd.in(browser, gateway.url, () => gateway.tellAgent({ media: 'up', ready: true, not_ready_because: undefined }));
    try {
      const page = await (await browser.newContext({ ...options, reducedMotion: 'reduce', timezoneId: 'Asia/Kolkata', locale: 'en-IN' })).newPage();
      await walk(gateway, page, `${gateway.url}/desk`, (name) => look_at(page, look, name));
    } finally {
      await browser.close();
    }
    const strict = await launch(WITHOUT_PERMISSION);
    try {
      const page = await (await strict.newContext({ ...options, reducedMotion: 'reduce' })).newPage();
      await page.goto(`${gateway.url}/desk#token=agent-token`);
      await page.getByTestId('trouble').waitFor();
      await look_at(page, look, 'no-microphone');
    } finally {
      await strict.close();
      await gateway.close();
    }
  });
}

let taken = 0;

async function look_at(page, look, state) {
  await page.waitForTimeout(120); // the last frame's drawing
  taken = state === 'sign-in' ? 1 : taken + 1;
  await page.screenshot({ path: join(folder, `${look}-${String(taken).padStart(2, '0')}-${state}.png`) });
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(overflow <= 0, `${state}: ${overflow} px stick out to the right`);
  if (!(await page.evaluate(() => 'axe' in globalThis))) await page.evaluate(axe);
  // The operator's own page in the frame is theirs.
  const { violations } = await page.evaluate(() =>
    globalThis.axe.run({ exclude: ['iframe'] }, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }),
  );
  const found = violations.flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`));
  assert.deepEqual(found, [], state);
}

async function walk(gateway, page, desk, look) {
  const card = page.getByTestId('card');
  const state = (name) => page.waitForSelector(`[data-testid=card][data-state=${name}]`);
  const dial = async (number) => {
    const after = gateway.requests.length;
    await page.getByTestId('number').fill(number);
    await page.getByTestId('call').click();
    return (await gateway.asked('dial', { after })).call;
  };
  const ago = (minutes) => Date.now() - minutes * 60_000;
  const over = { by: 'customer', reason: 'hangup', detail: 'The customer hung up.' };
  const past = (id, change) => ({ id, agent: 'agent7', direction: 'outbound', state: 'closed', via: 'ozonetel', peer: { number: '+919000000012' }, started_at: ago(50), muted: false, recording: 'off', ended_at: ago(48), ended: over, ...change });
  gateway.customers['+919000000001'] = MEERA;
  gateway.dispositions = ['Resolved', 'Call back', 'Sale', 'No interest'];
  gateway.records = [
    past('c_1', { peer: { number: '+919000000012', name: 'Rahul Nair' }, answered_at: ago(49.5), recording: 'on', disposition: { code: 'Call back', notes: 'Wants the new price list.' } }),
    past('c_2', { direction: 'inbound', started_at: ago(130), ended_at: ago(129), ended: { by: 'customer', reason: 'abandoned', detail: 'The caller hung up before the call was answered.' } }),
    past('c_3', { peer: { number: '+919000000030', name: 'Arjun Mehta' }, started_at: ago(1_600), ended: { by: 'customer', reason: 'busy', detail: 'The customer is busy.' } }),
  ];
  gateway.recordings = { c_1: speech({ seconds: 4 }) };

  await page.goto(desk);
  await page.getByTestId('sign-in').click();
  await look('sign-in');

  await page.goto(`${desk}#token=agent-token`);
  await page.waitForSelector('[data-ready=true]');
  await page.getByText('Rahul Nair').waitFor();
  await look('idle');
  await page.getByTestId('status').click();
  await look('status-menu');
  await page.keyboard.press('Escape');
  await page.getByTestId('devices').click();
  await page.getByTestId('device-microphone').locator('option').nth(1).waitFor({ state: 'attached' });
  await look('devices');
  await page.keyboard.press('Escape');
  await page.keyboard.press('Alt+/');
  await look('help');
  await page.keyboard.press('Escape');
  await page.getByText('Rahul Nair').click();
  await page.getByTestId('player').waitFor();
  await page.getByRole('slider').press('PageUp');
  await page.getByRole('slider').press('ArrowLeft');
  await look('recording');
  gateway.recordings.c_1 = 'application/age-encryption';
  await page.getByText('Rahul Nair').click();
  await page.getByText('Rahul Nair').click();
  await page.getByTestId('unplayable').waitFor();
  await look('recording-encrypted');
  await page.getByText('Rahul Nair').click();
  gateway.tellAgent({ ready: false, line: 'down', not_ready_because: 'The line to Ozonetel is down since 14:02; it is being registered again.' });
  await page.getByTestId('number').fill('call me maybe');
  await page.getByTestId('call').click();
  await look('not-ready-and-refused-number');
  gateway.tellAgent({ ready: true, line: 'up', not_ready_because: undefined });

  let answer;
  gateway.lookupGate = new Promise((resolve) => (answer = resolve));
  const call = await dial('+919000000001');
  gateway.tellCall(call, { progress: 'alerting' });
  await look('ringing-out-looking-up');
  answer();
  gateway.lookupGate = undefined;
  await card.getByText('Meera Krishnan').waitFor();
  await page.getByTestId('keypad').click();
  await look('ringing-out-known-keypad');
  gateway.tellCall(call, { state: 'connected', progress: undefined, answered_at: Date.now() - 192_000, recording: 'on' });
  await state('connected');
  const quality = (mos) => ({ grade: mos < 3 ? 'poor' : 'good', mos, rtt_ms: 84, jitter_ms: 6, loss_pct: 0.2 });
  gateway.send({ ev: 'quality', call, to_agent: quality(4.2), to_customer: quality(4.1) });
  await page.getByTestId('quality').waitFor();
  await look('connected');
  gateway.send({ ev: 'quality', call, to_agent: quality(2.4), to_customer: quality(4.1) });
  await page.getByTestId('record').click();
  await page.getByTestId('transfer').click();
  await page.getByTestId('transfer-to').fill('somewhere');
  await page.getByTestId('transfer-consult').click();
  await look('connected-poor-paused-transfer');
  await page.getByTestId('transfer').click();
  gateway.tellCall(call, { state: 'held', linked: 'c_other' });
  gateway.tellCall('c_other', { direction: 'outbound', state: 'connected', via: 'trunk-mumbai', peer: { number: '+919000000005' }, started_at: Date.now() + 1, answered_at: Date.now(), linked: call });
  await page.getByTestId('consulting').waitFor();
  await look('consulting');
  gateway.tellCall('c_other', { state: 'closed', linked: undefined });
  gateway.tellCall(call, { state: 'connected', linked: undefined });
  await page.getByTestId('consulting').waitFor({ state: 'detached' });
  await page.getByTestId('mute').click();
  await page.getByTestId('keypad').click();
  for (const key of '1234') await card.getByRole('button', { name: key, exact: true }).click();
  gateway.refusals.digits = { type: '/problems/digits', title: 'No digits', status: 409, detail: 'The other side doesn’t take digits on this call.' };
  await card.getByRole('button', { name: '5', exact: true }).click();
  await card.getByText('doesn’t take digits').waitFor();
  await look('muted-keypad-refused');
  await page.getByTestId('keypad').click();
  await page.getByTestId('hold').click();
  await state('held');
  await look('held');
  gateway.door = 'shut';
  gateway.cut();
  await page.getByTestId('banner').waitFor();
  await look('reconnecting');
  gateway.door = 'open';
  await page.waitForSelector('[data-ready=true]');
  gateway.end(call, 'customer', 'The customer hung up.');
  await page.getByTestId('disposition').selectOption('Call back');
  await page.getByTestId('notes').fill('Moved to Friday, 10 in the morning.');
  await look('wrap-up');
  gateway.tellCall(call, { state: 'closed', closes_at: undefined });
  await page.getByText('can still be saved').waitFor();
  await look('wrap-up-over');
  await page.getByTestId('done').click();
  await card.waitFor({ state: 'detached' });

  gateway.customers['+919000000020'] = { name: 'Farah Siddiqui', summary: 'Two open orders, shown below.', frame: `${gateway.url.replace('127.0.0.1', 'localhost')}/desk/icon.svg` };
  gateway.tellCall('c_in', { state: 'ringing-in', via: 'trunk-mumbai', peer: { number: '+919000000020' } });
  await page.getByTestId('answer').waitFor();
  await page.locator('.context-frame').waitFor();
  await look('ringing-in-with-frame');
  gateway.end('c_in', 'customer', 'The caller hung up before the call was answered.');
  await state('closed');
  await look('missed');
  await page.getByTestId('done').click();

  gateway.failures['+919000000003'] = { type: '/problems/lookup-failed', title: 'Failed', status: 504, detail: 'The customer system didn’t answer in time.' };
  const failed = await dial('+919000000003');
  gateway.end(failed, 'gateway', 'The call did not come through the line within 45 s of the dial. The line may be busy with another call.');
  await page.getByText('didn’t answer in time').waitFor();
  await look('failed-call-failed-lookup');
  await page.getByTestId('done').click();
  const stranger = await dial('+919000000004');
  await page.getByText('Nobody is known').waitFor();
  await look('ringing-out-unknown');
  gateway.end(stranger, 'agent', 'You ended the call.');
  await page.getByTestId('done').click();

  gateway.send({ ev: 'bye', code: 'replaced', reconnect: false });
  await page.getByTestId('banner').waitFor();
  await look('elsewhere');
}
