// Kamailio as the registrar of browser softphones, with rtpengine for DTLS-SRTP and ICE: a provider that nobody here wrote.
import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { run } from '../process.mjs';

const CONFIGURATION = path.join(import.meta.dirname, '..', 'kamailio');
const DOMAIN = 'pbx.example.com';
const PASSWORD = 'example-secret';
const RTP_PORTS = 40;

export class Kamailio {
  /** `algorithm` is the digest's: MD5, as browser softphones want it, or SHA-256. */
  static async start(stage, { algorithm = 'MD5', rtpPorts = RTP_PORTS } = {}) {
    const directory = path.join(stage.directory, 'kamailio');
    await mkdir(directory);
    await certify(directory);
    const [control, rtp] = [await stage.ports.take(1), await stage.ports.take(rtpPorts)];
    const kamailio = new Kamailio(directory, await stage.ports.take(1), await stage.ports.take(1));
    // rtpengine first: Kamailio that finds it silent takes it for dead and relays the offer as it is.
    kamailio.rtpengine = stage.process('rtpengine', 'rtpengine', [
      '--config-file=none', '--table=-1', '--interface=127.0.0.1', `--listen-ng=127.0.0.1:${control}`, `--port-min=${rtp}`, `--port-max=${rtp + rtpPorts - 1}`,
      '--num-threads=1', '--foreground', '--log-stderr', '--log-level=6',
    ]);
    await kamailio.rtpengine.line(/Startup complete/);
    const fill = { UDP: kamailio.udp, WSS: kamailio.wss, RTPENGINE: control, ALGORITHM: algorithm, DOMAIN, PASSWORD, DIRECTORY: directory };
    const file = await stage.write('kamailio/kamailio.cfg', await template('kamailio.cfg', fill));
    await stage.write('kamailio/tls.cfg', await template('tls.cfg', fill));
    kamailio.arguments = ['-f', file, '-DD', '-E', '-m', '128', '-M', '16', '-Y', directory, '-w', directory];
    await kamailio.#run(stage);
    return kamailio;
  }

  async #run(stage) {
    this.process = stage.process('Kamailio', 'kamailio', this.arguments);
    await this.process.line(/rtpengine instance <.*> found, support for it enabled/);
  }

  /** Dies as in a power failure, with all connections and registrations, and comes back after a while. */
  async restart(stage, { after }) {
    await this.process.stop();
    await new Promise((resolve) => setTimeout(resolve, after));
    await this.#run(stage);
  }

  domain = DOMAIN;
  password = PASSWORD;

  constructor(directory, udp, wss) {
    this.udp = udp;
    this.wss = wss;
    this.registrar = `wss://localhost:${wss}/`;
    this.authority = path.join(directory, 'authority.pem');
    /** Where carriers call. */
    this.trunk = `127.0.0.1:${udp}`;
  }

  /** The gateway's sections for an agent's extension here; `registrar` is where it connects to, if that isn't Kamailio itself. */
  line({ agent, extension, registrar = this.registrar }) {
    return `
[ozonetel]
customer = "acme_clinic"
registrar = "${registrar}"
domain = "${this.domain}"
tls_ca = "${this.authority}"

[[agent]]
id = "${agent}"
name = "Asha"
extension = "${extension}"
password = "${this.password}"
auto_answer = "none"
`;
  }

  /** How often that extension has registered since the registrar started. */
  registrations(extension) {
    return this.process.lines.filter((line) => line.includes(`registered ${extension} over`)).length;
  }

  registered(extension) {
    return this.process.line(new RegExp(`registered ${extension} over`));
  }
}

async function template(name, fill) {
  const text = await readFile(path.join(CONFIGURATION, name), 'utf8');
  return text.replace(/@([A-Z]+)@/g, (_, key) => fill[key]);
}

// An authority and a certificate signed by it, as in the field; a lone self-signed one is refused by strict TLS clients.
async function certify(directory) {
  const openssl = async (...args) => {
    const { code, stderr } = await run('openssl', 'openssl', args, { cwd: directory });
    if (code !== 0) throw new Error(`openssl ${args[0]}: ${stderr}`);
  };
  const fresh = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  await openssl('req', '-x509', ...fresh, '-days', '2', '-subj', '/CN=Stage authority', '-keyout', 'authority.key', '-out', 'authority.pem');
  await openssl('req', '-x509', ...fresh, '-days', '2', '-subj', `/CN=${DOMAIN}`, '-CA', 'authority.pem', '-CAkey', 'authority.key',
    '-addext', 'basicConstraints=critical,CA:FALSE', '-addext', `subjectAltName=DNS:${DOMAIN},DNS:localhost,IP:127.0.0.1`, '-keyout', 'server.key', '-out', 'server.pem');
}
