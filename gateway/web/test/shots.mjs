// Pictures of every state of the desk, to be looked at: `node test/shots.mjs <folder>`.

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { FarEnd, launch, WITHOUT_PERMISSION } from './browser.mjs';
import { MockGateway } from './mock.mjs';

const folder = process.argv[2];
if (!folder) throw new Error('name the folder for the pictures');
await mkdir(folder, { recursive: true });

const LOOKS = {
  light: { viewport: { width: 1280, height: 800 }, colorScheme: 'light' },
  dark: { viewport: { width: 1280, height: 800 }, colorScheme: 'dark' },
  narrow: { viewport: { width: 390, height: 844 }, colorScheme: 'light', hasTouch: true, isMobile: true },
};

for (const [look, options] of Object.entries(LOOKS)) await shoot(look, options);

async function shoot(look, options) {
  const browser = await launch();
  let farEnd;
  const gateway = await new MockGateway((sdp, restart) => farEnd.answer(sdp, restart)).listen();
  farEnd = await FarEnd.in(browser, gateway.url, () => gateway.tellAgent({ media: 'up', ready: true, not_ready_because: undefined }));
  const page = await (await browser.newContext(options)).newPage();
  const desk = `${gateway.url}/desk`;
  const take = async (name) => {
    await page.waitForTimeout(250);
    await page.screenshot({ path: join(folder, `${look}-${name}.png`) });
  };
  const call = (id, change) => gateway.tellCall(id, change);

  await page.goto(desk);
  await page.getByTestId('sign-in').click();
  await take('01-sign-in');

  await page.goto(`${desk}#token=agent-token`);
  await page.waitForSelector('[data-ready=true]');
  await take('02-idle');
  gateway.tellAgent({ ready: false, line: 'down', not_ready_because: 'The line to Ozonetel is down since 14:02; it is being registered again.' });
  await page.getByTestId('number').fill('call me maybe');
  await page.getByTestId('call').click();
  await take('03-not-ready-and-refused-number');
  gateway.tellAgent({ ready: true, line: 'up', not_ready_because: undefined });

  await page.getByTestId('number').fill('+919000000001');
  await page.getByTestId('call').click();
  const dialled = await gateway.asked('dial');
  call(dialled.call, { progress: 'alerting' });
  await take('04-ringing-out');
  call(dialled.call, { state: 'connected', progress: undefined, answered_at: Date.now() - 192_000 });
  await take('05-connected');
  await page.getByTestId('mute').click();
  await page.getByTestId('keypad').click();
  for (const key of '1234') await page.getByTestId('card').getByRole('button', { name: key, exact: true }).click();
  gateway.refusals.digits = { type: '/problems/digits', title: 'No digits', status: 409, detail: 'The other side doesn’t take digits on this call.' };
  await page.getByTestId('card').getByRole('button', { name: '5', exact: true }).click();
  await take('06-muted-keypad-refused');
  gateway.door = 'shut';
  gateway.cut();
  await page.getByTestId('banner').waitFor();
  await take('07-reconnecting');
  gateway.door = 'open';
  await page.waitForSelector('[data-ready=true]');
  gateway.end(dialled.call, 'customer', 'The customer hung up.');
  await take('08-wrap-up');
  await page.getByTestId('done').click();

  call('c_1', { state: 'ringing-in', via: 'trunk-mumbai', peer: { number: '+919000000042', name: 'Meera Krishnan' } });
  await take('09-ringing-in');
  gateway.end('c_1', 'customer', 'The caller hung up before anybody answered.');
  await take('10-missed');
  await page.getByTestId('done').click();

  const asked = gateway.requests.length;
  await page.getByTestId('number').fill('+919000000003');
  await page.getByTestId('call').click();
  const failed = await gateway.asked('dial', { after: asked });
  gateway.end(failed.call, 'gateway', 'The call did not come through the line within 45 s of the dial. The line may be busy with another call.');
  await take('11-failed');
  await page.getByTestId('done').click();
  await take('12-idle-with-recent');

  gateway.send({ ev: 'bye', code: 'replaced', reconnect: false });
  await page.getByTestId('banner').waitFor();
  await take('13-replaced');
  await browser.close();

  const strict = await launch(WITHOUT_PERMISSION);
  const denied = await (await strict.newContext(options)).newPage();
  await denied.goto(`${desk}#token=agent-token`);
  await denied.getByTestId('trouble').waitFor();
  await denied.waitForTimeout(300);
  await denied.screenshot({ path: join(folder, `${look}-14-no-microphone.png`) });
  await strict.close();
  await gateway.close();
}
