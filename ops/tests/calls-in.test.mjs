// What a carrier's SIP may do in a call that it makes, played by SIPp: each case is a ladder, what people hear, and how the call ended.
import assert from 'node:assert/strict';
import { key, Ladder, sdp } from './ladder.mjs';
import { AGENT_HZ, assertEnded, CUSTOMER_HZ, Floor } from './peers/floor.mjs';
import { Sipp } from './peers/sipp.mjs';
import { hears, staged, until } from './stage.mjs';

const BY_CUSTOMER = { by: 'customer', reason: 'hangup' };
const ABANDONED = { by: 'customer', reason: 'abandoned' };

const call = ({ stage, target, called, ports }, ladder) => Sipp.plays(stage, ladder, { target, called, ports, hz: CUSTOMER_HZ });

/** The first steps of most calls, up to the talk. */
const talking = () => Ladder.calls().invite(sdp()).perhaps(100, 180).response(200, { has: ['m=audio [1-9]', 'a=sendrecv'] }).ack().plays().reached('talk').waits();

const parting = (ladder) => ladder.bye().response(200);

async function answered({ desk }) {
  const id = await desk.card('ringing-in');
  await desk.click('answer');
  return id;
}

async function bothHear({ desk }, customer) {
  customer.capture.forget();
  await hears('the customer', AGENT_HZ, () => customer.heard());
  await hears('the agent', CUSTOMER_HZ, () => desk.heard());
}

async function over(place, customer, call, end) {
  await customer.done();
  await assertEnded(place, call, end);
}

/** A hold in one form, and back. `mirrored` is what our answer has to say (RFC 3264 §6.1). */
const hold = (held, mirrored, { resume = sdp('sendrecv', { version: 3 }) } = {}) => async (place) => {
  const ladder = talking()
    .invite(held).perhaps(100).response(200, { has: [`a=${mirrored}`] }).ack().reached('hold').waits()
    .invite(resume).perhaps(100).response(200, { has: ['a=sendrecv'] });
  const back = resume ? ladder.ack() : ladder.ack(sdp('sendrecv', { version: 3 }));
  const customer = await call(place, parting(back.reached('resumed').waits()));
  const id = await answered(place);
  await customer.reached('talk');
  await bothHear(place, customer);
  await customer.goOn();
  await customer.reached('hold');
  assert.ok(await customer.hearsNothing(), 'who holds us hears nothing of the agent');
  if (mirrored === 'recvonly') await hears('the agent', CUSTOMER_HZ, () => place.desk.heard()); // the carrier's music
  await place.desk.card('connected');
  await customer.goOn();
  await customer.reached('resumed');
  await bothHear(place, customer);
  await customer.goOn();
  await over(place, customer, id, BY_CUSTOMER);
};

staged('a carrier\'s call keeps to the RFCs in every form of hold, offer, race and loss', async (stage, context) => {
  const floor = await Floor.open(stage, { desks: 4 });
  await floor.play(context, {
    'the ACK that never comes: the 200 is repeated, and after 32 s the call ends': async (place) => {
      const customer = await call(place, Ladder.calls().invite(sdp()).perhaps(100, 180).response(200).requested('BYE', { within: 40_000 }).respond(200));
      const id = await answered(place);
      await customer.process.exit({ within: 45_000 });
      await over(place, customer, id, { by: 'provider', reason: 'timed-out' });
      const answers = await customer.messagesLike('received', /^SIP\/2\.0 200[^]*^CSeq: 1 INVITE/m);
      assert.ok(answers.length >= 9, `the 200 came ${answers.length} times: T1 doubled up to T2 makes 11 in 32 s`);
    },
    'hold by sendonly is answered recvonly, and the agent hears the music': hold(sdp('sendonly', { version: 2 }), 'recvonly'),
    'hold by inactive is answered inactive': hold(sdp('inactive', { version: 2 }), 'inactive'),
    'hold by recvonly is answered sendonly': async (place) => {
      const customer = await call(place, parting(talking()
        .invite(sdp('recvonly', { version: 2 })).perhaps(100).response(200, { has: ['a=sendonly'] }).ack().reached('hold').waits()));
      const id = await answered(place);
      await customer.reached('talk');
      await bothHear(place, customer);
      await customer.goOn();
      await customer.reached('hold');
      customer.capture.forget();
      await hears('the customer', AGENT_HZ, () => customer.heard());
      await customer.goOn();
      await over(place, customer, id, BY_CUSTOMER);
    },
    'hold by the address 0.0.0.0 of RFC 2543': hold(sdp('sendrecv', { connection: '0.0.0.0', version: 2 }), '(recvonly|inactive|sendrecv)'),
    'a hold that is ended by an offerless re-INVITE': hold(sdp('sendonly', { version: 2 }), 'recvonly', { resume: undefined }),
    'hold while held, then both resumed': async (place) => {
      const customer = await call(place, parting(talking()
        .invite(sdp('sendonly', { version: 2 })).perhaps(100).response(200, { has: ['a=recvonly'] }).ack()
        .invite(sdp('inactive', { version: 3 })).perhaps(100).response(200, { has: ['a=inactive'] }).ack().reached('hold').waits()
        .invite(sdp('sendrecv', { version: 4 })).perhaps(100).response(200, { has: ['a=sendrecv'] }).ack().reached('resumed').waits()));
      const id = await answered(place);
      await customer.reached('talk');
      await customer.goOn();
      await customer.reached('hold');
      assert.ok(await customer.hearsNothing());
      await customer.goOn();
      await customer.reached('resumed');
      await bothHear(place, customer);
      await customer.goOn();
      await over(place, customer, id, BY_CUSTOMER);
    },
    'an INVITE without an offer: ours is in the 200, the answer in the ACK': async (place) => {
      const customer = await call(place, parting(Ladder.calls().invite().perhaps(100, 180).response(200, { has: ['m=audio [1-9]'] }).ack(sdp()).plays().reached('talk').waits()));
      const id = await answered(place);
      await customer.reached('talk');
      await bothHear(place, customer);
      await customer.goOn();
      await over(place, customer, id, BY_CUSTOMER);
    },
    'a caller who requires reliable ringing (RFC 3262)': async (place) => {
      const customer = await call(place, parting(Ladder.calls().invite(sdp(), { headers: ['Supported: 100rel', 'Require: 100rel'] }).perhaps(100)
        .response(180, { reliable: true, has: ['Require:.*100rel'] }).prack().response(200, { has: ['CSeq: 2 PRACK'] })
        .request('UPDATE', sdp('sendonly', { version: 2 })).response(500, { has: ['Retry-After:'] }).reached('rings')
        .response(200, { has: ['CSeq: 1 INVITE', 'a=sendrecv'] }).ack().plays().reached('talk').waits()));
      await customer.reached('rings');
      const id = await answered(place);
      await customer.reached('talk');
      await bothHear(place, customer);
      await customer.goOn();
      await over(place, customer, id, BY_CUSTOMER);
    },
    'keys pressed by the customer, told by INFO of both kinds: each comes to the agent as telephone-event (RFC 4733)': async (place) => {
      // The customer sends no RTP, so that the keys' packets are all that come: eight of four bytes each.
      const customer = await call(place, parting(Ladder.calls().invite(sdp()).perhaps(100, 180).response(200).ack().reached('talk').waits()
        .request('INFO', key.relay('5')).response(200).waits().request('INFO', key.plain('7')).response(200).waits()));
      const id = await answered(place);
      await customer.reached('talk');
      await hears('the customer', AGENT_HZ, () => customer.heard());
      const before = await place.desk.arrived();
      for (const keys of [1, 2]) {
        await customer.goOn();
        await until(`key ${keys} is at the agent`, async () => {
          const { packets, bytes } = await place.desk.arrived();
          return packets - before.packets === 8 * keys && bytes - before.bytes === 32 * keys;
        });
      }
      const { story } = await place.gateway.api(place.desk.token, `/v1/calls/${id}/explain`);
      assert.equal(story.filter(({ what }) => what.includes('a digit by INFO')).length, 2);
      await customer.goOn();
      await over(place, customer, id, BY_CUSTOMER);
    },
    'a session timer that the caller keeps by UPDATE (RFC 4028)': async (place) => {
      const timer = ['Supported: timer', 'Session-Expires: 90;refresher=uac'];
      const kept = ['Session-Expires: *90;refresher=uac', 'Require:.*timer'];
      const customer = await call(place, parting(Ladder.calls().invite(sdp(), { headers: timer }).perhaps(100, 180).response(200, { has: kept }).ack().plays().reached('talk').waits()
        .request('UPDATE', undefined, { headers: timer }).response(200, { has: kept }).reached('refreshed').waits()));
      const id = await answered(place);
      await customer.reached('talk');
      await bothHear(place, customer);
      await customer.goOn();
      await customer.reached('refreshed');
      await bothHear(place, customer);
      await customer.goOn();
      await over(place, customer, id, BY_CUSTOMER);
    },
    'hold and back by UPDATE (RFC 3311)': async (place) => {
      const customer = await call(place, parting(talking()
        .request('UPDATE', sdp('sendonly', { version: 2 })).response(200, { has: ['a=recvonly'] }).reached('hold').waits()
        .request('UPDATE', sdp('sendrecv', { version: 3 })).response(200, { has: ['a=sendrecv'] }).reached('resumed').waits()));
      const id = await answered(place);
      await customer.reached('talk');
      await bothHear(place, customer);
      await customer.goOn();
      await customer.reached('hold');
      assert.ok(await customer.hearsNothing(), 'who holds us hears nothing of the agent');
      await place.desk.card('connected');
      await customer.goOn();
      await customer.reached('resumed');
      await bothHear(place, customer);
      await customer.goOn();
      await over(place, customer, id, BY_CUSTOMER);
    },
    'CANCEL while it rings': async (place) => {
      const customer = await call(place, Ladder.calls().invite(sdp()).perhaps(100).response(180).waits().cancel().response(200, { has: ['CSeq: 1 CANCEL'] }).rejected(487));
      const id = await place.desk.card('ringing-in');
      await customer.goOn();
      await over(place, customer, id, ABANDONED);
      await place.desk.card('closed');
    },
    'CANCEL at once, before anything could ring': async (place) => {
      const customer = await call(place, Ladder.calls().invite(sdp()).response(100).cancel().perhaps(180).response(200, { has: ['CSeq: 1 CANCEL'] }).rejected(487));
      await customer.done();
      await place.desk.part('answer').waitFor({ state: 'detached' });
    },
    'CANCEL that meets our 200 has no effect (RFC 3261 §9.2)': async (place) => {
      const customer = await call(place, parting(Ladder.calls().invite(sdp()).perhaps(100, 180).response(200)
        .cancel().response(200, { has: ['CSeq: 1 CANCEL'] }).ack().plays().reached('talk').waits()));
      const id = await answered(place);
      await customer.reached('talk');
      await bothHear(place, customer);
      await customer.goOn();
      await over(place, customer, id, BY_CUSTOMER);
    },
    'an INVITE that is repeated gets the same answers and is one call': async (place) => {
      const customer = await call(place, parting(Ladder.calls().invite(sdp()).perhaps(100).response(180).invite(sdp(), { again: true }).reached('repeated').perhaps(180)
        .response(200).ack().plays().reached('talk').waits()));
      await customer.reached('repeated');
      const id = await answered(place);
      await customer.reached('talk');
      await bothHear(place, customer);
      assert.equal((await place.gateway.api(place.desk.token, '/v1/calls?state=connected')).calls?.length ?? 1, 1);
      await customer.goOn();
      await over(place, customer, id, BY_CUSTOMER);
      const tags = (await customer.messagesLike('received', /^SIP\/2\.0 (180|200)[^]*^CSeq: 1 INVITE/m)).map((text) => /^To:.*tag=(\S+)/mi.exec(text)?.[1]);
      assert.ok(tags.length >= 3, `${tags.length} answers to two INVITEs`);
      assert.equal(new Set(tags).size, 1, 'all from the one dialog');
    },
  });
});
