// A floor of agents at one gateway, each behind a trunk: cases that have nothing to do with each other are played at several desks at once.
import assert from 'node:assert/strict';
import { until } from '../stage.mjs';
import { Desk } from './desk.mjs';
import { Gateway } from './gateway.mjs';
import { Sipp } from './sipp.mjs';

export const AGENT_HZ = 700;
export const CUSTOMER_HZ = 1000;

export class Floor {
  /** Opens it with so many desks, each behind a trunk of its own; `trunk` is more of each trunk's section, `more` of the whole file. */
  static async open(stage, { desks = 3, trunk = '', more = '' } = {}) {
    const seats = [];
    for (let n = 1; n <= desks; n++) {
      const ports = await Sipp.ports(stage);
      seats.push({ agent: `agent${n}`, trunk: `carrier${n}`, called: `+9190000000${n + 10}`, port: await stage.ports.take(1), ports });
    }
    const gateway = await Gateway.start(stage, more + seats.map(({ agent, trunk: name, called, port, ports }) => `
[[trunk]]
name = "${name}"
listen = "udp:127.0.0.1:${port}"
peer = "sip:127.0.0.1:${ports.port};transport=udp"
options_interval = "0s"
allow = ["127.0.0.0/8"]
${trunk}

[[agent]]
id = "${agent}"
name = "${agent}"
dial_via = "${name}"

[[route]]
trunk = "${name}"
called = "${called}"
agent = "${agent}"
`).join(''));
    const open = await Desk.floor(stage, gateway, { agents: seats.map((seat) => seat.agent), hz: AGENT_HZ });
    return new Floor(stage, gateway, seats.map((seat, index) => ({ ...seat, desk: open[index], target: `127.0.0.1:${seat.port}` })));
  }

  waiting = [];

  constructor(stage, gateway, seats) {
    Object.assign(this, { stage, gateway, free: seats });
  }

  /** Plays every case, each at a desk of its own, as many at once as there are desks; then nothing may be left of them. */
  async play(context, cases) {
    await Promise.all(Object.entries(cases).map(([name, play]) => this.#atADesk((place) => context.test(name, () => told(place, play)))));
    await until('no call is left in the gateway', async () => (await this.gateway.activeCalls()) === 0);
  }

  async #atADesk(play) {
    const seat = this.free.pop() ?? (await new Promise((resolve) => this.waiting.push(resolve)));
    const stage = Object.create(this.stage, { tellings: { value: [() => seat.desk.tell()] } });
    await play({ ...seat, gateway: this.gateway, stage }).finally(async () => {
      await seat.desk.clear();
      const next = this.waiting.shift();
      if (next) next(seat);
      else this.free.push(seat);
    });
  }
}

/** A case whose failure shows what its own processes and page last said. */
async function told(place, play) {
  try {
    await play(place);
  } catch (error) {
    console.error(await place.stage.tell());
    await place.desk.leave();
    throw error;
  }
}

/** How a call ended, in the API's words: `{ by, reason, detail }`. */
export async function ended({ gateway, desk }, call) {
  const view = await until(`the call ${call} is over`, async () => {
    const seen = await gateway.api(desk.token, `/v1/calls/${call}`);
    return seen.ended && seen;
  });
  return view.ended;
}

export async function assertEnded(place, call, { by, reason }) {
  const end = await ended(place, call);
  assert.deepEqual({ by: end.by, reason: end.reason }, { by, reason }, end.detail);
}
