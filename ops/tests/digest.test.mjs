// A registrar that wants the stronger digest (RFC 8760): the line registers with SHA-256, and carries a call like any other.
import { Desk } from './peers/desk.mjs';
import { AGENT_HZ, CUSTOMER_HZ } from './peers/floor.mjs';
import { Gateway } from './peers/gateway.mjs';
import { Kamailio } from './peers/kamailio.mjs';
import { Sipp } from './peers/sipp.mjs';
import { hears, staged } from './stage.mjs';

staged('a line registers by SHA-256 and carries a call', async (stage) => {
  const kamailio = await Kamailio.start(stage, { algorithm: 'SHA-256' });
  const gateway = await Gateway.start(stage, kamailio.line({ agent: 'agent7', extension: '500607' }));
  await kamailio.registered('500607');
  const desk = await Desk.open(stage, gateway, { agent: 'agent7', hz: AGENT_HZ });
  const customer = await Sipp.calls(stage, { target: kamailio.trunk, domain: kamailio.domain, called: '500607', hz: CUSTOMER_HZ });
  await desk.card('ringing-in');
  await desk.click('answer');
  await hears('the customer', AGENT_HZ, () => customer.heard());
  await hears('the agent', CUSTOMER_HZ, () => desk.heard());
  await desk.click('end');
  await customer.done();
});
