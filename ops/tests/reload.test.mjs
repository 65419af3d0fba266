// The page is reloaded in the midst of a talk, again and again: the call goes on, and both hear each other soon, the hundredth time as soon as the first.
// A reload that takes its time has music in it.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import os from 'node:os';
import { talk } from './peers/carrier.mjs';
import { CUSTOMER_HZ } from './peers/floor.mjs';
import { likeness, longestGap, neverSilent, prompt, toneAgain } from './prompts.mjs';
import { hears, staged, until } from './stage.mjs';

const AGENT_HZ = 1700;
// Short pauses only, so that the first tone tells when the agent is heard.
const BRISK = { tone: 0.21, period: 0.25 };
// A nightly run says 200.
const RELOADS = Number(process.env.WARMLINE_RELOADS ?? 20);
const BACK_WITHIN_MS = 1500;
// A machine that is busy with other things delivers late.
const SILENT_AT_MOST_MS = os.loadavg()[0] > os.cpus().length ? 1000 : 250;
const EACH_MS = 15_000;
// Of each of the desk's scripts.
const SLOW_MS = 1000;
// What a process only has to fetch once doesn't count as growth.
const WARM_UP = 10;
// So many that growth can be told from chance; a leg that stays behind would be some 40 kB.
const MANY = 100;
const LEAST_LEAK_KB = 10;

staged(`${RELOADS} reloads in one talk: no BYE, and both hear each other again soon`, async (stage) => {
  const { gateway, desk, customer, call } = await talk(stage, { hz: AGENT_HZ, open: { spoken: BRISK, script: FIRST_PACKET } });

  const took = [];
  let memory;
  for (let n = 0; n < RELOADS; n++) {
    if (n === WARM_UP) memory = await residentKb(gateway);
    const { back, began } = await reloads(desk, customer, call);
    const arrived = await until('the page gets packets', () => desk.page.evaluate('globalThis.stageFirstPacket'), { within: EACH_MS });
    await hears('the agent', CUSTOMER_HZ, () => desk.heard(), { within: EACH_MS });
    took.push(Math.max(back, arrived) - began);
    assert.ok(longestGap(customer, began) < SILENT_AT_MOST_MS, `the customer got nothing for ${longestGap(customer, began)} ms`);
    if (n % 50 === 49) console.log(`# ${n + 1} reloads, the last fifty: ${told(took.slice(-50))}`);
  }
  const load = os.loadavg()[0];
  const busy = load > os.cpus().length;
  console.log(`# audio back both ways, from the reload: ${told(took)}; load ${load}`);
  // On a machine that is busy with other things the tail is theirs.
  const judged = rank(took, busy ? 0.5 : 0.95);
  assert.ok(judged <= BACK_WITHIN_MS, `${judged} ms`);

  const grew = (await residentKb(gateway)) - memory;
  console.log(`# the gateway's memory: ${memory} kB after ${WARM_UP} reloads, ${grew} kB more after ${RELOADS}`);
  const quarter = Math.floor(RELOADS / 4);
  const [first, last] = [rank(took.slice(0, quarter), 0.5), rank(took.slice(-quarter), 0.5)];
  if (RELOADS >= MANY) {
    assert.ok(grew < (RELOADS - WARM_UP) * LEAST_LEAK_KB, `${grew} kB`);
    if (!busy) assert.ok(last < 1.5 * first, `the first took ${first} ms, the last ${last} ms`);
  }

  assert.deepEqual(await customer.messagesLike('received', /^BYE /m), []);
  const { state } = await gateway.api(desk.token, `/v1/calls/${call}`);
  assert.equal(state, 'connected');
  assert.equal((await gateway.metrics()).get('warmline_agent_reconnects_total'), RELOADS);
  await gateway.settledLegs(2);
  await customer.hangUp();
  await customer.done();
  await desk.card('wrap-up');
  await neverSilent(gateway);
}, { within: 60_000 + RELOADS * EACH_MS });

staged('a reload on a slow network: the customer hears music, then the agent', async (stage) => {
  const { desk, customer, call } = await talk(stage, { hz: AGENT_HZ, open: { spoken: BRISK } });
  await desk.page.route('**/*.js', async (route) => {
    await new Promise((resolve) => setTimeout(resolve, SLOW_MS));
    await route.continue();
  });
  for (let n = 0; n < 3; n++) {
    const { left, back, between } = await reloads(desk, customer, call);
    assert.ok(isMusic(between), `no music in ${Math.round(back - left)} ms`);
    await hears('the agent', CUSTOMER_HZ, () => desk.heard(), { within: EACH_MS });
  }
});

/** One reload of the page, until the customer hears the agent again: when it began, when the agent left and was back, and what was heard between. */
async function reloads(desk, customer, call) {
  customer.capture.forget();
  const began = Date.now();
  await desk.reload();
  assert.equal(await desk.card('connected'), call);
  const heard = await until('the customer hears the agent again', () => toneAgain(customer, AGENT_HZ, began), { within: EACH_MS });
  return { began, ...heard };
}

function rank(numbers, share) {
  return numbers.toSorted((a, b) => a - b)[Math.ceil(share * numbers.length) - 1];
}

function told(took) {
  const [median, p95, most] = [0.5, 0.95, 1].map((share) => Math.round(rank(took, share)));
  return `median ${median} ms, p95 ${p95} ms, at most ${most} ms`;
}

/** What the gateway's process holds of the machine's memory. */
async function residentKb(gateway) {
  const status = await readFile(`/proc/${gateway.process.child.pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)[1]);
}

const PART = 2000; // samples

/** Whether any quarter of a second of it is the hold music's: its edges may hold the agent's last word. */
function isMusic(samples) {
  const hold = prompt('hold');
  for (let start = 0; start + PART <= samples.length; start += PART / 8) {
    if (likeness(samples.slice(start, start + PART), hold) > 0.8) return true;
  }
  return false;
}

// Notes when the page's newest leg has got its first packet.
const FIRST_PACKET = `{
  const native = RTCPeerConnection.prototype.setRemoteDescription;
  RTCPeerConnection.prototype.setRemoteDescription = function (description) {
    const looking = setInterval(async () => {
      for (const report of (await this.getStats()).values()) {
        if (report.type !== 'inbound-rtp' || !report.packetsReceived || globalThis.stageFirstPacket) continue;
        globalThis.stageFirstPacket = Date.now();
        clearInterval(looking);
      }
    }, 20);
    return native.call(this, description);
  };
}`;
