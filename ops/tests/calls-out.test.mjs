// What a carrier's SIP may do in a call that we make, played by SIPp: early media, refusals, and the races around CANCEL.
import assert from 'node:assert/strict';
import { Ladder, sdp } from './ladder.mjs';
import { AGENT_HZ, assertEnded, CUSTOMER_HZ, ended, Floor } from './peers/floor.mjs';
import { Sipp } from './peers/sipp.mjs';
import { hears, staged } from './stage.mjs';

const DIALLED = '+919000000090';
const BY_AGENT = { by: 'agent', reason: 'hangup' };
const TAKEN_BACK = { by: 'agent', reason: 'cancelled' };

const answering = ({ stage, ports }, ladder) => Sipp.plays(stage, ladder, { ports, hz: CUSTOMER_HZ });

async function bothHear({ desk }, customer) {
  customer.capture.forget();
  await hears('the customer', AGENT_HZ, () => customer.heard());
  await hears('the agent', CUSTOMER_HZ, () => desk.heard());
}

/** Dials, hears the early media, lets the customer answer, talks, hangs up. */
const earlyThen = (answer) => async (place) => {
  const { desk, ports } = place;
  const customer = await answering(place, Ladder.answers().invited().respondToInvite(183, sdp()).plays().reached('early').waits()
    .respondToInvite(200, answer(ports)).requested('ACK').reached('talk').requested('BYE').respond(200));
  const id = await desk.dial(DIALLED);
  await customer.reached('early');
  await hears('the agent', CUSTOMER_HZ, () => desk.heard());
  assert.equal((await place.gateway.api(desk.token, `/v1/calls/${id}`)).answered_at, undefined, 'early media is no answer');
  await customer.goOn();
  await customer.reached('talk');
  await desk.card('connected');
  customer.capture.forget();
  await bothHear(place, customer);
  await desk.click('end');
  await customer.done();
  await assertEnded(place, id, BY_AGENT);
  return customer;
};

staged('a call of ours keeps to the RFCs whatever the carrier answers and when', async (stage, context) => {
  const floor = await Floor.open(stage, { desks: 4 });
  await floor.play(context, {
    'early media is heard before the answer, and the 200 repeats its description': earlyThen(() => sdp()),
    'early media, and a 200 without a description': earlyThen(() => undefined),
    'early media, and a 200 that names another port: audio goes on to where the customer\'s comes from': async (place) => {
      const moved = place.ports.media + 4;
      await earlyThen(() => sdp('sendrecv', { port: moved, version: 2 }))(place);
    },
    'early media in a reliable 183 (RFC 3262), moved by UPDATE before the answer (RFC 3311)': async (place) => {
      const moved = place.ports.media + 4;
      const customer = await answering(place, Ladder.answers().invited({ has: ['Supported:.*100rel'] })
        .respondToInvite(183, sdp(), { headers: ['Require: 100rel', 'RSeq: 17'] }).requested('PRACK', { has: ['RAck: 17 1 INVITE'] }).respond(200).plays().reached('early').waits()
        .request('UPDATE', sdp('sendrecv', { port: moved, version: 2 })).response(200, { has: ['a=sendrecv'] })
        .respondToInvite(200).requested('ACK').reached('talk').requested('BYE').respond(200));
      const id = await place.desk.dial(DIALLED);
      await customer.reached('early');
      await hears('the agent', CUSTOMER_HZ, () => place.desk.heard());
      await customer.goOn();
      await customer.reached('talk');
      await place.desk.card('connected');
      await bothHear(place, customer);
      await place.desk.click('end');
      await customer.done();
      await assertEnded(place, id, BY_AGENT);
    },
    'the agent gives up while it rings': async (place) => {
      const customer = await answering(place, Ladder.answers().invited().respondToInvite(180).reached('rings')
        .requested('CANCEL').respond(200).respondToInvite(487).requested('ACK'));
      const id = await place.desk.dial(DIALLED);
      await customer.reached('rings');
      await place.desk.click('end');
      await customer.done();
      await assertEnded(place, id, TAKEN_BACK);
    },
    'the agent gives up before the carrier said a word: CANCEL waits for the first provisional response': async (place) => {
      const customer = await answering(place, Ladder.answers().invited().reached('invited').waits().respondToInvite(180)
        .requested('CANCEL').respond(200).respondToInvite(487).requested('ACK'));
      const id = await place.desk.dial(DIALLED);
      await customer.reached('invited');
      await place.desk.click('end');
      await assertEnded(place, id, TAKEN_BACK);
      assert.deepEqual(await customer.messagesLike('received', /^CANCEL /m), [], 'no CANCEL before a provisional response (RFC 3261 §9.1)');
      await customer.goOn();
      await customer.done();
    },
    'the customer answers while our CANCEL is on its way: ACK, then BYE': async (place) => {
      const customer = await answering(place, Ladder.answers().invited().respondToInvite(180).reached('rings')
        .requested('CANCEL').respond(200).respondToInvite(200, sdp()).requested('ACK').requested('BYE').respond(200));
      const id = await place.desk.dial(DIALLED);
      await customer.reached('rings');
      await place.desk.click('end');
      await customer.done();
      await assertEnded(place, id, TAKEN_BACK);
    },
    'a busy customer': async (place) => {
      const customer = await answering(place, Ladder.answers().invited().respondToInvite(486).requested('ACK'));
      const id = await place.desk.dial(DIALLED);
      await customer.done();
      assert.equal((await ended(place, id)).reason, 'busy');
    },
    'the customer hangs up first, and our BYE crosses theirs': async (place) => {
      const customer = await answering(place, Ladder.answers().invited().respondToInvite(200, sdp()).requested('ACK').plays().reached('talk').waits()
        .requested('BYE').request('BYE').response(200).pauses(100).respondToBye(200));
      const id = await place.desk.dial(DIALLED);
      await customer.reached('talk');
      await bothHear(place, customer);
      await customer.goOn();
      await place.desk.click('end');
      await customer.done();
      await assertEnded(place, id, BY_AGENT);
    },
    'the carrier puts our call on hold and takes it back': async (place) => {
      const customer = await answering(place, Ladder.answers().invited().respondToInvite(200, sdp()).requested('ACK').plays().reached('talk').waits()
        .invite(sdp('sendonly', { version: 2 })).perhaps(100).response(200, { has: ['a=recvonly'] }).ack().reached('hold').waits()
        .invite(sdp('sendrecv', { version: 3 })).perhaps(100).response(200, { has: ['a=sendrecv'] }).ack().reached('resumed').requested('BYE').respond(200));
      const id = await place.desk.dial(DIALLED);
      await customer.reached('talk');
      await bothHear(place, customer);
      await customer.goOn();
      await customer.reached('hold');
      assert.ok(await customer.hearsNothing());
      await customer.goOn();
      await customer.reached('resumed');
      await bothHear(place, customer);
      await place.desk.click('end');
      await customer.done();
      await assertEnded(place, id, BY_AGENT);
    },
  });
});
