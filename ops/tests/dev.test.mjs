// The newcomer's way: one command, the address that it prints, a click on Call, a customer who answers.
import { binary } from './peers/gateway.mjs';
import { Desk } from './peers/desk.mjs';
import { hears, staged } from './stage.mjs';

staged('warmline dev prints the desk\'s address, and a call from there is answered and heard', async (stage) => {
  const [port, operations] = [await stage.ports.take(1), await stage.ports.take(1)];
  const program = stage.process('warmline dev', binary('warmline'), ['dev', '--listen', `127.0.0.1:${port}`, '--operations', `127.0.0.1:${operations}`]);
  const [address] = /http:\S+\/desk#token=\S+/.exec(await program.line(/\/desk#token=/));
  const desk = await Desk.at(stage, address, { hz: 700 });
  await desk.dial('+919000000012'); // plays 520 Hz
  await desk.card('connected');
  await hears('the agent', 520, () => desk.heard());
  await desk.click('end');
  await desk.card('wrap-up');
});
