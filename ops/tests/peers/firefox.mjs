// Firefox, as Debian has it, with a tone as its microphone. Playwright speaks to it by WebDriver BiDi.
import { chmod } from 'node:fs/promises';
import path from 'node:path';
import { firefox } from 'playwright-core';
import { soundless } from './sound.mjs';

const EXECUTABLE = process.env.FIREFOX ?? '/usr/bin/firefox-esr';
const BETWEEN = path.join(import.meta.dirname, 'bidi_between.mjs');

// Firefox has no file for a microphone: it makes one that hums, and is told how high.
const preferences = (hz) => ({
  'media.navigator.streams.fake': true,
  'permissions.default.microphone': 1, // allowed; an address of this machine alone is told only to pages that may use it
  'media.navigator.audio.fake_frequency': hz,
  'media.autoplay.default': 0,
  'media.peerconnection.ice.loopback': true,
  'media.peerconnection.ice.obfuscate_host_addresses': false,
});

/** A Firefox whose microphone hums at `hz`. */
export async function launchFirefox(stage, hz) {
  const executablePath = await stage.write('firefox.sh', `#!/bin/sh\nexec "${process.execPath}" "${BETWEEN}" "${EXECUTABLE}" "$@"\n`);
  await chmod(executablePath, 0o755);
  const browser = await firefox.launch({ executablePath, channel: 'moz-firefox', firefoxUserPrefs: preferences(hz), env: { ...process.env, ...(await soundless(stage)) } });
  stage.leaves(() => browser.close());
  return browser;
}
