// An extension at a registrar that nobody here wrote: Kamailio over WSS with a digest, rtpengine towards us, SIPp behind them.
import { Desk } from './peers/desk.mjs';
import { Gateway } from './peers/gateway.mjs';
import { Kamailio } from './peers/kamailio.mjs';
import { Sipp } from './peers/sipp.mjs';
import { hears, staged } from './stage.mjs';

const EXTENSION = '500607';
const AGENT_HZ = 700;
const CUSTOMER_HZ = 1000;

const line = (kamailio) => `
[ozonetel]
customer = "acme_clinic"
registrar = "${kamailio.registrar}"
domain = "${kamailio.domain}"
tls_ca = "${kamailio.authority}"

[[agent]]
id = "agent7"
name = "Asha"
extension = "${EXTENSION}"
password = "${kamailio.password}"
auto_answer = "none"
`;

staged('the extension registers at Kamailio, and a call through rtpengine is heard on both ends', async (stage) => {
  const kamailio = await Kamailio.start(stage);
  const gateway = await Gateway.start(stage, line(kamailio));
  await kamailio.registered(EXTENSION);
  const desk = await Desk.open(stage, gateway, { agent: 'agent7', hz: AGENT_HZ });
  const customer = await Sipp.calls(stage, { target: kamailio.trunk, domain: kamailio.domain, called: EXTENSION, hz: CUSTOMER_HZ });
  await desk.card('ringing-in');
  await desk.click('answer');
  await desk.card('connected');
  await hears('the customer', AGENT_HZ, () => customer.heard());
  await hears('the agent', CUSTOMER_HZ, () => desk.heard());
  await customer.hangUp();
  await customer.done();
  await desk.card('wrap-up');
});
