// A recorded talk is heard again at the desk: found under the call, both voices drawn, and each on its own side.
import assert from 'node:assert/strict';
import path from 'node:path';
import { Desk } from './peers/desk.mjs';
import { Gateway } from './peers/gateway.mjs';
import { Provider } from './peers/provider.mjs';
import { section } from './peers/recordings.mjs';
import { staged, until } from './stage.mjs';

const CUSTOMER = '+919000000012'; // hums 520 Hz
const AGENT = `
[limits]
wrap_up = "1s"

[[agent]]
id = "agent7"
name = "Asha"
extension = "500607"
agent_id = "agent7"
agent_unique_id = 100207
campaign = "300401"
`;

staged('a call that was recorded is listed with its player, and plays', async (stage) => {
  const provider = await Provider.start(stage);
  const gateway = await Gateway.start(stage, provider.section() + AGENT + section(path.join(stage.directory, 'recordings')));
  const desk = await Desk.open(stage, gateway, { agent: 'agent7', hz: 700 });
  const call = await desk.dial(CUSTOMER);
  await desk.card('connected');
  await desk.part('recording', '[data-is="on"]').waitFor();
  await desk.page.waitForTimeout(4_000); // of talk
  await desk.click('end');
  await desk.card('closed', { within: 30_000 });
  await desk.clear();
  await until('the recording is published', async () => (await gateway.api(desk.token, `/v1/recordings?call=${call}`)).recordings.length > 0, { within: 30_000 });
  await desk.page.locator(`[data-call="${call}"] .recent-who`).click();
  await desk.part('player').waitFor();
  assert.equal(await desk.page.locator('.lane svg path.played').count(), 2);
  await desk.page.getByRole('button', { name: 'Play' }).click();
  await desk.page.waitForFunction(() => document.querySelector('audio').currentTime > 1);
  const seconds = await desk.page.evaluate(() => document.querySelector('audio').duration);
  assert.ok(seconds > 2 && seconds < 60, `${seconds} s were recorded`);
});
