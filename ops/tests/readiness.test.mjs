// "Ready" is a fact: whatever keeps a call from an agent's ear is known within ten seconds, by its own name, and calls are refused for it.
import assert from 'node:assert/strict';
import { Desk } from './peers/desk.mjs';
import { Gateway } from './peers/gateway.mjs';
import { Provider } from './peers/provider.mjs';
import { UdpCable } from './peers/udp_cable.mjs';
import { staged, until } from './stage.mjs';

const AGENT = `
[[agent]]
id = "agent7"
name = "Asha"
extension = "500607"
agent_id = "agent7"
agent_unique_id = 100207
campaign = "300401"
auto_answer = "all"
`;
const KNOWN_WITHIN_MS = 10_000;
const TALKS = '+919000000010';

async function begin(stage, { ready = true, prepare } = {}) {
  const provider = await Provider.start(stage);
  const gateway = await Gateway.start(stage, provider.section() + AGENT);
  const script = await prepare?.(gateway);
  const desk = await Desk.open(stage, gateway, { agent: 'agent7', hz: 700, ready, script });
  await until('the agent\'s line is up', async () => (await gateway.api(desk.token, '/v1/agents')).agents[0].line === 'up');
  return { provider, gateway, desk };
}

const agent = async ({ gateway, desk }) => (await gateway.api(desk.token, '/v1/agents')).agents[0];

/** Waits until the gateway says that the agent isn't ready, and why; then a call that would be answered by itself is refused for it. */
async function becomesUnready(play, because) {
  const began = Date.now();
  let last;
  await until(`not ready: ${because}`, async () => because.test((last = await agent(play)).not_ready_because ?? ''), { within: KNOWN_WITHIN_MS + 5_000 })
    .catch((error) => {
      throw new Error(`${error.message}; last ${JSON.stringify(last)}`);
    });
  const took = Date.now() - began;
  console.log(`${because}: known after ${took} ms`);
  assert.ok(took <= KNOWN_WITHIN_MS, `${took} ms`);
  assert.equal((await play.gateway.metrics()).get('warmline_agents_ready'), 0);
  return last;
}

/** A call that the agent's auto-answer would take comes in, and is turned away with that cause. */
async function refusesFor({ provider, gateway }, because) {
  const { status } = await provider.post('/stray', { extension: '500607', from: '+919000000099', answer_within_s: 10 });
  assert.equal(status, 480);
  await gateway.process.line(new RegExp(`a call could not ring: .*${because.source}`));
}

staged('the microphone is refused at sign-in', async (stage) => {
  const prepare = () => '{ navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException(\'\', \'NotAllowedError\')); }';
  const play = await begin(stage, { ready: false, prepare });
  await becomesUnready(play, /refuses the microphone/);
  await refusesFor(play, /refuses the microphone/);
  assert.match(await play.desk.part('ready-light').innerText(), /may not use the microphone/);
});

staged('the microphone is taken back in a talk, and given again', async (stage) => {
  const play = await begin(stage);
  const { gateway, desk } = play;
  const call = await desk.dial(TALKS);
  await desk.card('connected');
  const cdp = await desk.cdp();
  const { browserContextId } = (await cdp.send('Target.getTargetInfo')).targetInfo;
  const permission = (setting) => cdp.send('Browser.setPermission', { permission: { name: 'microphone' }, setting, origin: gateway.url, browserContextId });
  await permission('denied');
  await becomesUnready(play, /refuses the microphone/);
  const { story } = await gateway.api(desk.token, `/v1/calls/${call}/explain`);
  assert.ok(story.some(({ what }) => /refuses the microphone/.test(what)), JSON.stringify(story));
  await permission('granted');
  await until('ready again', async () => (await agent(play)).ready, { within: 15_000 });
});

staged('the headset is unplugged and no other is there; plugged in again, all is well', async (stage) => {
  const play = await begin(stage);
  const { desk } = play;
  await desk.page.evaluate(() => {
    const devices = navigator.mediaDevices;
    globalThis.stageOpen = devices.getUserMedia;
    devices.getUserMedia = () => Promise.reject(new DOMException('', 'NotFoundError'));
    globalThis.warmline.agent.audio.track.dispatchEvent(new Event('ended'));
  });
  await becomesUnready(play, /No microphone was found/);
  await refusesFor(play, /No microphone was found/);
  await desk.page.evaluate(() => {
    navigator.mediaDevices.getUserMedia = globalThis.stageOpen;
    navigator.mediaDevices.dispatchEvent(new Event('devicechange'));
  });
  await until('ready again', async () => (await agent(play)).ready, { within: 15_000 });
});

staged('the tab is frozen, and thawed', async (stage) => {
  const play = await begin(stage);
  const cdp = await play.desk.cdp();
  // What a browser does to a tab that it puts to sleep: its scripts stop, its sockets stay.
  await cdp.send('Debugger.enable');
  await cdp.send('Debugger.pause');
  await becomesUnready(play, /doesn't answer: its tab is frozen/);
  await refusesFor(play, /doesn't answer: its tab is frozen/);
  await cdp.send('Debugger.disable');
  await until('ready again', async () => (await agent(play)).ready, { within: 15_000 });
});

staged('the network drops the audio\'s packets while the socket stays, and lets them pass again', async (stage) => {
  let cable;
  const prepare = async (gateway) => (cable = await UdpCable.lay(stage, gateway.webrtcPort)).script();
  const play = await begin(stage, { prepare });
  cable.cut();
  await becomesUnready(play, /no answer on its audio connection|sends nothing|audio connection to the agent's browser is not up/);
  await refusesFor(play, /no answer on its audio connection|sends nothing|audio connection to the agent's browser is not up/);
  cable.mend();
  await until('ready again', async () => (await agent(play)).ready, { within: 30_000 });
});
