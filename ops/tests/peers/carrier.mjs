// One carrier's trunk with one agent's desk behind it: the smallest gateway that a customer can call, and the talk with which most tests begin.
import { hears } from '../stage.mjs';
import { Desk } from './desk.mjs';
import { CUSTOMER_HZ } from './floor.mjs';
import { Gateway } from './gateway.mjs';
import { Sipp } from './sipp.mjs';

export const CALLED = '+919000000001';
export const AGENT = 'agent7';

/** The trunk on that port, the agent, and the way from one to the other; `trunk` and `agent` are more of these sections. */
export const carrier = (port, { trunk = '', agent = '' } = {}) => `
[[trunk]]
name = "carrier"
listen = "udp:127.0.0.1:${port}"
allow = ["127.0.0.0/8"]
${trunk}

[[agent]]
id = "${AGENT}"
name = "Asha"
${agent}

[[route]]
trunk = "carrier"
called = "${CALLED}"
agent = "${AGENT}"
`;

/** A customer who calls through the trunk on that port. */
export const customerCalls = (stage, port, hz = CUSTOMER_HZ) => Sipp.calls(stage, { target: `127.0.0.1:${port}`, called: CALLED, hz });

/** Takes the call that rings; its id. */
export async function answer(desk) {
  await desk.card('ringing-in');
  await desk.click('answer');
  return desk.card('connected');
}

/** Both hear each other: now, and not only before. */
export async function bothHear(desk, customer, { agentHz, customerHz = CUSTOMER_HZ }) {
  customer.capture.forget();
  await hears('the customer', agentHz, () => customer.heard());
  await hears('the agent', customerHz, () => desk.heard());
}

/** A talk at the desk. `more` is more of the gateway's configuration, `by` where the page finds the gateway, `open` what else the desk's microphone and page are to be. */
export async function talk(stage, { hz, more = '', by = (gateway) => gateway.url, open = {} }) {
  const port = await stage.ports.take(1);
  const gateway = await Gateway.start(stage, more + carrier(port));
  const address = `${await by(gateway)}/desk#token=${await gateway.token(AGENT)}`;
  const desk = await Desk.at(stage, address, { hz, ...open });
  const customer = await customerCalls(stage, port);
  const call = await answer(desk);
  await bothHear(desk, customer, { agentHz: hz });
  return { port, gateway, address, desk, customer, call };
}
