// A page's token ends: a page that knows where the next one comes from fetches it; a talk goes on without one, a new call doesn't come.
import assert from 'node:assert/strict';
import { launch } from './peers/browser.mjs';
import { Gateway } from './peers/gateway.mjs';
import { Provider } from './peers/provider.mjs';
import { staged, until } from './stage.mjs';

const AGENT = `
[[agent]]
id = "agent7"
name = "Asha"
extension = "500607"
agent_id = "agent7"
agent_unique_id = 100207
campaign = "300401"
wrap_up = "1s"
`;
const CUSTOMER = '+919000000010';
const LIFE = '12s';

/** A page with the SDK, whose token comes from `token`, an expression in the page. */
async function begin(stage, token) {
  const provider = await Provider.start(stage);
  const gateway = await Gateway.start(stage, provider.section() + AGENT);
  const page = await (await launch(stage, 700)).newPage();
  const mint = () => gateway.token('agent7', '--ttl', LIFE);
  await page.exposeFunction('mint', mint);
  await page.goto(`${gateway.url}/sdk/agent.d.ts`);
  await page.evaluate(`(async () => {
    const { Agent } = await import('/sdk/agent.js');
    globalThis.agent = new Agent({ token: ${token} });
    globalThis.notices = [];
    agent.on('notice', ({ kind }) => notices.push(kind));
    await agent.signIn();
  })()`);
  await until('the agent is ready', () => page.evaluate('agent.readiness.ready'), { within: 15_000 });
  const connection = () => page.evaluate('agent.connection');
  return { gateway, page, connection };
}

staged('a page that can fetch a fresh token stays', async (stage) => {
  const { page, connection } = await begin(stage, 'mint');
  await until('the notice came twice', async () => (await page.evaluate('notices')).filter((kind) => kind === 'token-expiring').length >= 2, { within: 60_000 });
  assert.deepEqual(await connection(), { is: 'open' });
  assert.equal(await page.evaluate('agent.readiness.ready'), true);
});

staged('a talk outlives its page\'s token; the next call doesn\'t come, and after the talk the page is let go', async (stage) => {
  const { gateway, page, connection } = await begin(stage, 'await mint()');
  const call = await page.evaluate((number) => globalThis.agent.dial(number).id, CUSTOMER);
  const state = () => page.evaluate((id) => globalThis.agent.calls.find((each) => each.id === id).state, call);
  await until('the talk is up', async () => (await state()) === 'connected');
  const back = await gateway.token('back-end', '--scope', 'calls:read');
  const agent = async () => (await gateway.api(back, '/v1/agents')).agents[0];
  await until('the token has ended', async () => /sign-in .* has expired/.test((await agent()).not_ready_because ?? ''), { within: 40_000 });
  assert.equal(await state(), 'connected');
  assert.deepEqual(await connection(), { is: 'open' });
  await page.evaluate((id) => globalThis.agent.calls.find((each) => each.id === id).hangup(), call);
  await until('the page is let go', async () => (await connection()).because === 'expired', { within: 30_000 });
  assert.deepEqual(await page.evaluate('notices'), ['token-expiring']);
});
