// Many agents at once without a browser: each holds a socket and a warm media leg, and does nothing of its own accord.
import { binary } from './gateway.mjs';

const SIGN_IN_MS = 60_000;

export class Agents {
  /** Signs these agents in and waits until all their legs are up; what they say is a tone of 440 Hz, or a greeting.
   *  `yields`: lets whatever is measured go first. */
  static async signIn(stage, gateway, names, { voice = 'tone', yields } = {}) {
    const tokens = new Map(await gateway.tokens(names));
    const file = await stage.write('agents.tokens', [...tokens.values()].join('\n'));
    const program = stage.process('agents', binary('warmline-loadtest'), ['agents', '--gateway', gateway.url, '--tokens', file, '--voice', voice], { yields });
    await program.line(/^\{.*"ready"/, { within: SIGN_IN_MS });
    return new Agents(program, tokens);
  }

  constructor(process, tokens) {
    Object.assign(this, { process, tokens });
  }
}
