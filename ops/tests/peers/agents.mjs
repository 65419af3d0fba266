// Many agents at once without a browser: each holds a socket and a warm media leg, and does nothing of its own accord.
import { binary } from './gateway.mjs';

const SIGN_IN_MS = 60_000;

export class Agents {
  /** Signs these agents in and waits until all their legs are up. */
  static async signIn(stage, gateway, names) {
    const tokens = new Map(await gateway.tokens(names));
    const file = await stage.write('agents.tokens', [...tokens.values()].join('\n'));
    const program = stage.process('agents', binary('warmline-loadtest'), ['agents', '--gateway', gateway.url, '--tokens', file]);
    await program.line(/^\{.*"ready"/, { within: SIGN_IN_MS });
    return new Agents(program, tokens);
  }

  constructor(process, tokens) {
    Object.assign(this, { process, tokens });
  }
}
