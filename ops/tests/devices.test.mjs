// Headsets come and go in a talk: another microphone takes the place, the agent reads which, and the customer hears on.
import assert from 'node:assert/strict';
import { Desk } from './peers/desk.mjs';
import { Gateway } from './peers/gateway.mjs';
import { Provider } from './peers/provider.mjs';
import { hears, staged, until } from './stage.mjs';

const AGENT = `
[[agent]]
id = "agent7"
name = "Asha"
extension = "500607"
agent_id = "agent7"
agent_unique_id = 100207
campaign = "300401"
`;
const CUSTOMER = '+919000000010';
const BUILT_IN_HZ = 700;
const HEADSET_HZ = 1900;

// A second microphone beside the browser's own: a headset, which is the system's choice while it is plugged in.
const HEADSET = `{
  const devices = navigator.mediaDevices;
  const [open, list] = [devices.getUserMedia.bind(devices), devices.enumerateDevices.bind(devices)];
  globalThis.headset = { plugged: true };
  const own = { kind: 'audioinput', deviceId: 'headset', groupId: 'g-headset', label: 'Headset' };
  devices.enumerateDevices = async () => {
    const others = (await list()).filter(({ deviceId }) => deviceId !== 'default');
    const chosen = headset.plugged ? own : others.find(({ kind }) => kind === 'audioinput');
    return [{ kind: 'audioinput', deviceId: 'default', groupId: chosen.groupId, label: 'Default' }, ...(headset.plugged ? [own] : []), ...others];
  };
  devices.getUserMedia = async ({ audio }) => {
    const wanted = audio.deviceId?.exact ?? 'default';
    if (!headset.plugged || !['default', 'headset'].includes(wanted)) return open({ audio });
    const context = new AudioContext();
    const [out, tone] = [context.createMediaStreamDestination(), new OscillatorNode(context, { frequency: ${HEADSET_HZ} })];
    tone.connect(out);
    tone.start();
    const [track] = out.stream.getAudioTracks();
    Object.defineProperty(track, 'label', { value: 'Headset' });
    track.getSettings = () => ({ deviceId: 'headset' });
    return out.stream;
  };
  headset.plug = (plugged) => {
    headset.plugged = plugged;
    devices.dispatchEvent(new Event('devicechange'));
  };
}`;

staged('a headset is unplugged in a talk, plugged in again, and left for another microphone by choice', async (stage) => {
  const provider = await Provider.start(stage);
  const gateway = await Gateway.start(stage, provider.section() + AGENT);
  const desk = await Desk.open(stage, gateway, { agent: 'agent7', hz: BUILT_IN_HZ, script: HEADSET });
  const call = await desk.dial(CUSTOMER);
  await desk.card('connected');
  const { ucid } = await provider.call(CUSTOMER.replace('+91', ''));
  const customerHears = (hz) => hears('the customer', hz, () => provider.heard(ucid), { within: 20_000 });
  await desk.page.evaluate(() => {
    globalThis.switched = [];
    globalThis.warmline.agent.audio.on('switched', (told) => globalThis.switched.push(told));
  });
  const switched = (because) => until(`it is told: ${because}`, async () => (await desk.page.evaluate('switched')).findLast((told) => told.because === because));
  await customerHears(HEADSET_HZ);

  await desk.page.evaluate('headset.plug(false)');
  assert.match((await switched('unplugged')).detail, /^Headset was unplugged; .+ is used now\.$/);
  await customerHears(BUILT_IN_HZ);

  await desk.page.evaluate('headset.plug(true)');
  assert.match((await switched('default-changed')).detail, /Headset/);
  await customerHears(HEADSET_HZ);

  const { microphones } = await desk.page.evaluate('warmline.agent.audio.devices()');
  const other = microphones.find(({ id }) => id !== 'default' && id !== 'headset');
  await desk.page.evaluate((id) => globalThis.warmline.agent.audio.useMicrophone(id), other.id);
  await customerHears(BUILT_IN_HZ);
  // What was chosen stays when the system chooses otherwise.
  await desk.page.evaluate('headset.plug(true)');
  await customerHears(BUILT_IN_HZ);
  assert.equal(await desk.page.evaluate('switched.length'), 2);

  assert.equal(await desk.card('connected'), call);
  await until('ready all the while', async () => (await gateway.api(desk.token, '/v1/agents')).agents[0].ready);
});
