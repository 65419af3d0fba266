// The carrier's customers alone: two SIPps call each other, so that a failure elsewhere is the gateway's.
import { staged, hears } from './stage.mjs';
import { Sipp } from './peers/sipp.mjs';

staged('two SIPps hear each other and the cue ends their call', async (stage) => {
  const called = await Sipp.answers(stage, { hz: 500 });
  const caller = await Sipp.calls(stage, { target: called.address, called: '+919000000002', hz: 1000 });
  await hears('the caller', 500, () => caller.heard());
  await hears('the called', 1000, () => called.heard());
  await caller.hangUp();
  await caller.done();
  await called.done();
});
