import { Desk } from './peers/desk.mjs';
import { Cable } from './peers/cable.mjs';
import { AGENT_HZ, CUSTOMER_HZ } from './peers/floor.mjs';
import { Gateway } from './peers/gateway.mjs';
import { Kamailio } from './peers/kamailio.mjs';
import { Sipp } from './peers/sipp.mjs';
import { hears, staged } from './stage.mjs';

staged('probe', async (stage) => {
  const kamailio = await Kamailio.start(stage);
  const cable = await Cable.lay(stage, kamailio.wss);
  const gateway = await Gateway.start(stage, kamailio.line({ agent: 'agent7', extension: '500607', registrar: `wss://localhost:${cable.port}/` }));
  await kamailio.registered('500607');
  const desk = await Desk.open(stage, gateway, { agent: 'agent7', hz: AGENT_HZ });
  const customer = await Sipp.calls(stage, { target: kamailio.trunk, domain: kamailio.domain, called: '500607', hz: CUSTOMER_HZ });
  await desk.card('ringing-in');
  await desk.click('answer');
  await hears('the customer', AGENT_HZ, () => customer.heard());
  await hears('the agent', CUSTOMER_HZ, () => desk.heard());
  console.log('connections', cable.connections);
  cable.cut();
  await new Promise((r) => setTimeout(r, 3000));
  console.log('connections', cable.connections);
  await customer.hangUp();
  await new Promise((r) => setTimeout(r, 3000));
  console.log(await customer.ladder());
  console.log(kamailio.process.tail(30));
  console.log(gateway.process.tail(60));
});
