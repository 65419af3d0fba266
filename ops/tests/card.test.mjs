// What the agent sees at the click, before anybody has answered anything: the card, and who is being called.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { Desk } from './peers/desk.mjs';
import { Gateway } from './peers/gateway.mjs';
import { Provider } from './peers/provider.mjs';
import { staged, until } from './stage.mjs';

const CUSTOMER = '+919000000010';
const HANGS_UP = '+919000000050'; // after three seconds
const BUSY = '+919000000030';

const agents = ['agent7', 'agent8'].map((id, n) => `
[[agent]]
id = "${id}"
name = "Asha"
extension = "50060${7 + n}"
agent_id = "${id}"
agent_unique_id = ${100207 + n}
campaign = "300401"
`);

/** The operator's customer system: counts what it is asked, and answers when it may. */
class CustomerSystem {
  asked = [];
  gate = undefined;

  static async open(stage) {
    const system = new CustomerSystem();
    const server = createServer((request, response) => system.#answer(request, response));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    stage.leaves(() => new Promise((resolve) => server.close(resolve).closeAllConnections()));
    system.section = `
[crm]
lookup_url = "http://127.0.0.1:${server.address().port}/who/{number}"
dispositions = ["Sold", "Call back"]
`;
    return system;
  }

  async #answer(request, response) {
    this.asked.push(decodeURIComponent(request.url));
    await this.gate;
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ name: 'Meera Krishnan', fields: [{ label: 'Plan', value: 'Gold' }] }));
  }
}

/** The way between a page and the gateway's socket, which can be held up in both directions. */
class Wire {
  #held = undefined;

  /** Lies between them from the page's next load on. */
  static async under(desk) {
    const wire = new Wire();
    await desk.page.routeWebSocket(/\/v1\/agent$/, (page) => {
      const gateway = page.connectToServer();
      page.onMessage((frame) => wire.#pass(() => gateway.send(frame)));
      gateway.onMessage((frame) => wire.#pass(() => page.send(frame)));
    });
    await desk.reload();
    await desk.part('ready-light', '[data-ready="true"]').waitFor();
    return wire;
  }

  hold() {
    this.#held = [];
  }

  release() {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const send of held) send();
  }

  #pass(send) {
    if (this.#held) this.#held.push(send);
    else send();
  }
}

async function start(stage) {
  const [provider, customers] = [await Provider.start(stage), await CustomerSystem.open(stage)];
  const gateway = await Gateway.start(stage, provider.section() + customers.section + agents.join(''));
  return { provider, customers, gateway };
}

staged('the card is there within a frame of the click, and who is called is asked, while the network says nothing', async (stage) => {
  const { customers, gateway } = await start(stage);
  const desk = await Desk.open(stage, gateway, { agent: 'agent7', hz: 700 });
  const wire = await Wire.under(desk);
  await desk.watch();
  await desk.part('number').fill(CUSTOMER);
  wire.hold();
  const lookup = desk.page.waitForRequest((request) => request.url().includes('/v1/context'));
  const seen = await desk.page.evaluate(
    () =>
      new Promise((resolve) => {
        document.querySelector('[data-testid=call]').click();
        requestAnimationFrame(() => {
          const card = document.querySelector('[data-testid=card]');
          const buttons = [...(card?.querySelectorAll('button') ?? [])].map((button) => button.dataset.testid);
          resolve({ state: card?.dataset.state, heading: card?.querySelector('h2')?.textContent, buttons, strips: document.querySelectorAll('[data-testid=banner]').length });
        });
      }),
  );
  assert.deepEqual(seen, { state: 'ringing-out', heading: `Calling ${CUSTOMER}…`, buttons: ['keypad', 'end'], strips: 0 });

  // The dial itself still waits, and the customer's name is on the card already.
  assert.match((await lookup).url(), /number=%2B919000000010$/);
  await desk.part('card').getByText('Calling Meera Krishnan…').waitFor();
  assert.deepEqual(customers.asked, [`/who/${CUSTOMER}`]);
  assert.equal(await gateway.activeCalls(), 0);

  wire.release();
  await desk.card('connected');
  const { states, answerable } = await desk.seen();
  assert.deepEqual(states, ['ringing-out', 'connected']);
  assert.deepEqual(answerable, [], 'a dial that is under way has nothing to answer');
  await desk.click('end');
  await desk.card('wrap-up');
});

staged('however many pages ask who a number is, the customer system is asked once', async (stage) => {
  const { customers, gateway } = await start(stage);
  const desk = await Desk.open(stage, gateway, { agent: 'agent7', hz: 700 });
  const other = await Desk.beside(stage, desk.page.context().browser(), gateway, { agent: 'agent8' });
  let answer;
  customers.gate = new Promise((resolve) => (answer = resolve));
  // The desks at their clicks, and what else a page of many components that mount twice would ask.
  const more = Array.from({ length: 8 }, () => gateway.api(desk.token, `/v1/context?number=${encodeURIComponent(CUSTOMER)}`));
  await desk.dial(CUSTOMER);
  await other.dial(CUSTOMER);
  await until('the customer system is asked', () => customers.asked.length > 0);
  answer();
  for (const { outcome, name } of await Promise.all(more)) assert.deepEqual({ outcome, name }, { outcome: 'known', name: 'Meera Krishnan' });
  for (const page of [desk, other]) await page.part('context').getByText('Gold').waitFor();
  // A reload finds the call, and its customer where they were kept.
  await desk.card('connected');
  await desk.reload();
  await desk.part('context').getByText('Gold').waitFor();
  assert.deepEqual(customers.asked, [`/who/${CUSTOMER}`]);
  for (const page of [desk, other]) await page.leave();
});

staged('the form appears when the customer hangs up, and a dial that fails says why', async (stage) => {
  const { gateway } = await start(stage);
  const desk = await Desk.open(stage, gateway, { agent: 'agent7', hz: 700 });
  const call = await desk.dial(HANGS_UP);
  await desk.card('wrap-up', { within: 30_000 });
  assert.equal(await desk.endedDetail(), 'The customer hung up.');
  await desk.part('countdown').waitFor();
  await desk.part('disposition').selectOption('Call back');
  await desk.part('notes').fill('On Friday.');
  await desk.click('done');
  await desk.cardGone();
  const { disposition } = await gateway.api(desk.token, `/v1/calls/${call}`);
  assert.deepEqual(disposition, { code: 'Call back', notes: 'On Friday.' });

  await desk.dial(BUSY);
  await desk.card('closed', { within: 30_000 });
  assert.match(await desk.endedDetail(), /busy/i);
  const before = await desk.part('card').getAttribute('data-call');
  await desk.click('call-again');
  await until('another call is on the card', async () => (await desk.part('card').getAttribute('data-call')) !== before);
});
