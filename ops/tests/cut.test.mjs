// The line's connection breaks at every point of a call, with Kamailio as the registrar: what becomes of the call, of both ends, and of the audio.
// The table that this prints stands in signaling/DESIGN.md; the test fails when they differ.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { Ladder, sdp } from './ladder.mjs';
import { launch } from './peers/browser.mjs';
import { Cable } from './peers/cable.mjs';
import { Desk } from './peers/desk.mjs';
import { AGENT_HZ, assertEnded, CUSTOMER_HZ } from './peers/floor.mjs';
import { Gateway } from './peers/gateway.mjs';
import { Kamailio } from './peers/kamailio.mjs';
import { Sipp } from './peers/sipp.mjs';
import { hears, staged, stagedWithin, until } from './stage.mjs';

const DESIGN = path.join(import.meta.dirname, '..', '..', 'signaling', 'DESIGN.md');
const AGENT = 'agent7';
const BY_CUSTOMER = { by: 'customer', reason: 'hangup' };
const BY_AGENT = { by: 'agent', reason: 'hangup' };
const AT_ONCE = 4; // gateways with a page each
const GOES_ON = 'the call goes on; who hangs up then is heard by the other';

/** A customer who calls, talks once answered, and takes part in our refreshes; `then` is what follows the talk. */
const talks = (then) => then(Ladder.calls().invite(sdp()).perhaps(100, 180).response(200, { within: 60_000 }).ack().plays().reached('talk').waits({ refreshed: true }));
const hangsUp = talks((ladder) => ladder.bye().response(200));
const isHungUpOn = talks((ladder) => ladder.reached('waiting').requested('BYE', { within: 90_000 }).respond(200));

const CASES = {
  'before the answer to REGISTER': ['the line registers on the next connection and takes calls', async (place) => {
    await place.line({ cutAt: /challenging/ });
    await talkedThrough(place, await place.call(hangsUp));
  }],
  'while idle': ['the line registers on the next connection and takes calls', async (place) => {
    await place.line();
    await place.cutAndBack();
    await talkedThrough(place, await place.call(hangsUp));
  }],
  'after INVITE, before our 180': ['it rings on, and is answered on the next connection', async (place) => {
    await place.line();
    place.cable.hold('up');
    const customer = await place.call(hangsUp);
    await place.desk.card('ringing-in');
    await place.cutAndBack();
    await customer.messageLike('received', /^SIP\/2\.0 180/m);
    await talkedThrough(place, customer);
  }],
  'between our 180 and our 200': ['it rings on, and is answered on the next connection', async (place) => {
    await place.line();
    const customer = await place.call(hangsUp);
    await customer.messageLike('received', /^SIP\/2\.0 180/m);
    await place.desk.card('ringing-in');
    await place.cutAndBack();
    await talkedThrough(place, customer);
  }],
  'while it rings, and it is declined before the connection is back': ['our 603 goes on the next connection', async (place) => {
    await place.line();
    const customer = await place.call(Ladder.calls().invite(sdp()).perhaps(100, 180).rejected(603));
    await place.desk.card('ringing-in');
    await place.cable.unplug();
    await place.desk.click('decline');
    await place.mendAndBack();
    await customer.done();
  }],
  'while it rings, and it is answered 15 s before the connection is back': ['our 200 goes on the next connection', async (place) => {
    await place.line();
    const customer = await place.call(hangsUp);
    await customer.messageLike('received', /^SIP\/2\.0 180/m);
    await place.desk.card('ringing-in');
    await place.cable.unplug();
    await place.desk.click('answer');
    await new Promise((resolve) => setTimeout(resolve, 15_000)); // longer than ICE and DTLS may take otherwise
    await place.mendAndBack();
    await customer.reached('talk');
    await talkedThrough(place, customer, { answered: true });
  }],
  'after our 200, before its ACK': [GOES_ON, async (place) => {
    await place.line();
    const customer = await place.call(hangsUp);
    await place.desk.card('ringing-in');
    place.cable.hold('down');
    await place.desk.click('answer');
    await customer.reached('talk');
    await place.cutAndBack();
    await talkedThrough(place, customer, { answered: true });
  }],
  'just after the ACK': [GOES_ON, async (place) => {
    await place.line();
    const customer = await place.call(hangsUp);
    await answered(place, customer);
    await place.cutAndBack();
    await talkedThrough(place, customer, { answered: true });
  }],
  'in the talk; then the agent hangs up': [GOES_ON, async (place) => {
    await place.line();
    const customer = await place.call(isHungUpOn);
    const id = await answered(place, customer);
    await bothHear(place, customer);
    await place.cutAndBack();
    await bothHear(place, customer);
    await customer.goOn();
    await customer.reached('waiting');
    await place.desk.click('end');
    await customer.done();
    await assertEnded(place, id, BY_AGENT);
  }],
  'in our BYE': ['the BYE goes on the next connection', async (place) => {
    await place.line();
    const customer = await place.call(isHungUpOn);
    const id = await answered(place, customer);
    await bothHear(place, customer);
    await customer.goOn();
    await customer.reached('waiting');
    place.cable.hold('up');
    await place.desk.click('end');
    await assertEnded(place, id, BY_AGENT);
    await place.cutAndBack();
    await customer.done();
  }],
  'in the talk, for 25 s': [GOES_ON, async (place) => {
    await place.line();
    const customer = await place.call(hangsUp);
    await answered(place, customer);
    await place.cable.unplug();
    await new Promise((resolve) => setTimeout(resolve, 25_000));
    await bothHear(place, customer);
    await place.mendAndBack();
    await talkedThrough(place, customer, { answered: true });
  }],
  'in the talk, for longer than the grace': ['the call ends with the line\'s loss as its reason, and the customer is told by BYE as soon as the connection is back', async (place) => {
    await place.line();
    const customer = await place.call(isHungUpOn);
    const id = await answered(place, customer);
    await customer.goOn();
    await customer.reached('waiting');
    await place.cable.unplug();
    await place.desk.card('wrap-up', { within: 60_000 });
    await assertEnded(place, id, { by: 'provider', reason: 'line-down' });
    await place.mendAndBack();
    await customer.done();
  }],
  'in the talk, by the registrar\'s death and return': [GOES_ON, async (place) => {
    await place.line();
    const customer = await place.call(hangsUp);
    await answered(place, customer);
    await place.kamailio.restart(place.stage, { after: 3000 });
    await place.kamailio.registered(place.extension);
    await customer.reached('refreshed');
    await talkedThrough(place, customer, { answered: true });
  }],
};

/** Lets the agent answer, both hear each other, and the customer hang up. */
async function talkedThrough(place, customer, { answered: already } = {}) {
  const id = already ? await place.desk.card('connected') : await answered(place, customer);
  await bothHear(place, customer);
  await customer.goOn();
  await customer.done();
  await assertEnded(place, id, BY_CUSTOMER);
}

async function answered({ desk }, customer) {
  const id = await desk.card('ringing-in');
  await desk.click('answer');
  await customer.reached('talk');
  await desk.card('connected');
  return id;
}

async function bothHear({ desk }, customer) {
  customer.capture.forget();
  await hears('the customer', AGENT_HZ, () => customer.heard());
  await hears('the agent', CUSTOMER_HZ, () => desk.heard());
}

/** What one case plays with: a line of its own, on a cable of its own, to a registrar that it shares unless it kills it. */
class Place {
  constructor(stage, kamailio, browser, extension) {
    Object.assign(this, { stage, kamailio, browser, extension });
  }

  /** Brings the line up, and the agent to the desk. */
  async line({ cutAt } = {}) {
    this.cable = await Cable.lay(this.stage, this.kamailio.wss);
    const registrar = `wss://localhost:${this.cable.port}/`;
    const starting = Gateway.start(this.stage, this.kamailio.line({ agent: AGENT, extension: this.extension, registrar }), { rtpPorts: 4 });
    if (cutAt) {
      await this.kamailio.process.line(new RegExp(`${cutAt.source} ${this.extension}`));
      this.cable.cut();
    }
    this.gateway = await starting;
    await this.kamailio.registered(this.extension);
    this.desk = await Desk.beside(this.stage, this.browser, this.gateway, { agent: AGENT });
  }

  call(ladder) {
    return Sipp.plays(this.stage, ladder, { target: this.kamailio.trunk, domain: this.kamailio.domain, called: this.extension, hz: CUSTOMER_HZ });
  }

  async cutAndBack() {
    await this.#back(() => this.cable.cut());
  }

  async mendAndBack() {
    await this.#back(() => this.cable.mend());
  }

  /** Waits until the line has registered once more than before. */
  async #back(act) {
    const before = this.kamailio.registrations(this.extension);
    await act();
    await until('the line is back', () => this.kamailio.registrations(this.extension) > before, { within: 40_000 });
  }
}

staged('a call outlives its line\'s connection wherever it is cut', async (stage, context) => {
  const [kamailio, browser] = await Promise.all([Kamailio.start(stage, { rtpPorts: 160 }), launch(stage, AGENT_HZ)]);
  const cases = Object.entries(CASES).map(([point, [outcome, play]], index) => () => stagedWithin(context, `${point}: ${outcome}`, async (inner) => {
    const own = point.includes('death') ? await Kamailio.start(inner) : kamailio;
    const place = new Place(inner, own, browser, `5006${String(index + 10)}`);
    await play(place);
    await until('no call is left in the gateway', async () => (await place.gateway.activeCalls()) === 0);
  }));
  // The last ones wait for the longest.
  cases.reverse();
  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    for (let play = cases.shift(); play; play = cases.shift()) await play();
  }));
  const table = ['| cut | outcome |', '|---|---|', ...Object.entries(CASES).map(([point, [outcome]]) => `| ${point} | ${outcome} |`)].join('\n');
  console.log(table);
  assert.ok((await readFile(DESIGN, 'utf8')).includes(table), 'the table in signaling/DESIGN.md is another');
});
