// One call of SIPp's, told as the ladder that its messages draw; SIPp's scenario is made from it. A message that the ladder doesn't foresee fails the call.

const LOCAL = { calls: '"Customer" <sip:[field1]@trunk.example.com>;tag=[pid]SIPp[call_number]', answers: '[$called];tag=[pid]SIPpUas[call_number]' };
const REMOTE = { calls: '<sip:[service]@[field0]>', answers: '[$caller]' };
const FIRST_TARGET = 'sip:[service]@[field0]';
const CONTACT = '<sip:trunk@[local_ip]:[local_port]>';

/** A session description of SIPp's. `port` and `connection` are where it says that it listens, which needn't be true. */
export function sdp(direction = 'sendrecv', { port = '[rtpstream_audio_port]', connection = '[media_ip]', version = 1 } = {}) {
  return {
    type: 'application/sdp',
    text: [
      'v=0', `o=sipp 53655765 ${version} IN IP4 [local_ip]`, 's=-', `c=IN IP4 ${connection}`, 't=0 0', `m=audio ${port} RTP/AVP 0 101`,
      'a=rtpmap:0 PCMU/8000', 'a=rtpmap:101 telephone-event/8000', 'a=fmtp:101 0-15', 'a=ptime:20', `a=${direction}`, '',
    ].join('\n'),
  };
}

/** A key pressed at the customer's telephone, as the body of an INFO. */
export const key = {
  relay: (digit) => ({ type: 'application/dtmf-relay', text: `Signal=${digit}\nDuration=160\n` }),
  plain: (digit) => ({ type: 'application/dtmf', text: `${digit}\n` }),
};

export class Ladder {
  /** SIPp calls us. */
  static calls() {
    return new Ladder('calls');
  }

  /** We call SIPp; begin with `invited()`. */
  static answers() {
    return new Ladder('answers');
  }

  #steps = [];
  #variables = [];
  #sequence = 0;
  #labels = 0;
  #asked; // by the last request
  #invite; // the number of the INVITE that ACK and CANCEL belong to
  #remote;
  #target = FIRST_TARGET;

  constructor(role) {
    this.role = role;
    this.#remote = REMOTE[role];
  }

  // What SIPp sends.

  /** The first INVITE, or one within the call. `again`: the very same bytes once more, which is a retransmission. */
  invite(body, { headers = [], again = false } = {}) {
    if (!again) this.#invite = ++this.#sequence;
    return this.#request('INVITE', this.#invite, { body, headers: [`Contact: ${CONTACT}`, ...headers], resend: !again });
  }

  ack(body) {
    return this.#request('ACK', this.#invite, { body, resend: false });
  }

  /** Takes the first INVITE back. */
  cancel() {
    return this.#request('CANCEL', this.#invite, { branch: 'INVITE' });
  }

  /** Acknowledges a final rejection of an INVITE, with the INVITE's own branch. */
  ackOfRejection() {
    return this.#request('ACK', this.#invite, { branch: 'INVITE', resend: false });
  }

  bye() {
    return this.#request('BYE', ++this.#sequence, {});
  }

  /** Any other request within the call. */
  request(method, body, { headers = [] } = {}) {
    const contact = method === 'UPDATE' ? [`Contact: ${CONTACT}`] : [];
    return this.#request(method, ++this.#sequence, { body, headers: [...contact, ...headers] });
  }

  /** PRACK for the reliable response that was just read by `response(…, { reliable: true })`. */
  prack(body) {
    return this.#request('PRACK', ++this.#sequence, { body, headers: [`RAck: [$rseq] ${this.#invite} INVITE`] });
  }

  /** Answers the request that was read last; the first INVITE by `respondToInvite`. */
  respond(status, body, { headers = [], next } = {}) {
    return this.#send([`SIP/2.0 ${status} Answer`, '[last_Via:]', '[last_From:]', '[last_To:]', '[last_Call-ID:]', '[last_CSeq:]', `Contact: ${CONTACT}`, ...headers], body, { next });
  }

  respondToInvite(status, body, { headers = [] } = {}) {
    const lines = [`SIP/2.0 ${status} Answer`, 'Via:[$via]', 'From:[$caller]', `To:${LOCAL.answers}`, '[last_Call-ID:]', 'CSeq:[$cseq]', `Contact: ${CONTACT}`, ...headers];
    return this.#send(lines, body, { resend: status >= 200 });
  }

  // What SIPp expects.

  /** Reads the INVITE that begins the call. */
  invited({ has = [] } = {}) {
    const read = [['via', 'Via:'], ['caller', 'From:'], ['called', 'To:'], ['cseq', 'CSeq:']].map(([name, header]) => this.#capture(name, header));
    return this.#receive('request="INVITE" rrs="true"', [...read, this.#contact(), ...has.map((pattern) => this.#match(pattern))]);
  }

  requested(method, { has = [], within } = {}) {
    const actions = has.map((pattern) => this.#match(pattern));
    if (method === 'INVITE' || method === 'UPDATE') actions.push(this.#contact());
    if (method === 'BYE') actions.push(this.#capture('byeVia', 'Via:'), this.#capture('byeSequence', 'CSeq:'), this.#capture('byeFrom', 'From:'), this.#capture('byeTo', 'To:'));
    return this.#receive(`request="${method}"`, actions, within);
  }

  /** Answers the BYE that was read, though other messages were read since. */
  respondToBye(status) {
    return this.#send([`SIP/2.0 ${status} Answer`, 'Via:[$byeVia]', 'From:[$byeFrom]', 'To:[$byeTo]', '[last_Call-ID:]', 'CSeq:[$byeSequence]'], undefined, {});
  }

  /** Reads a response; each pattern (POSIX, extended) must occur in the message. `reliable` remembers its RSeq. */
  response(status, { has = [], reliable = false, within } = {}) {
    const actions = has.map((pattern) => this.#match(pattern));
    if (reliable) actions.push(this.#capture('rseq', 'RSeq:'));
    if (this.#remote === REMOTE.calls && this.#asked !== 'CANCEL' && (status === 200 || reliable)) {
      actions.push(this.#capture('peer', 'To:'), this.#contact());
      this.#remote = '[$peer]';
      return this.#receive(`response="${status}" rrs="true"`, actions, within);
    }
    return this.#receive(`response="${status}"`, actions, within);
  }

  /** Provisional responses that may come or not. */
  perhaps(...statuses) {
    for (const status of statuses) this.#receive(`response="${status}" optional="true"`, []);
    return this;
  }

  // What is no message.

  /** Plays the customer's tone from now on. */
  plays() {
    return this.#step('<nop><action><exec rtp_stream="tone.ulaw,-1,0,PCMU/8000"/></action></nop>');
  }

  /** Tells the test that the call has come this far: `sipp.reached(place)`. */
  reached(place) {
    return this.#step(`<nop><action><log message="reached ${place}"/></action></nop>`);
  }

  /** Waits for the test's word, `sipp.goOn()`; a NOTIFY carries it, which is no part of the call. `refreshed`: meanwhile we may refresh the session. */
  waits({ within = 60_000, refreshed = false } = {}) {
    if (!refreshed) return this.#step(`<recv request="NOTIFY" timeout="${within}"/>`);
    const [again, reinvite, acknowledged, update, on] = [1, 2, 3, 4, 5].map((n) => this.#labels + n);
    this.#labels += 5;
    // An INVITE that a proxy repeats for a connection that broke since gets its answer, and never an ACK.
    return this.#step(`<label id="${again}"/>
<recv request="INVITE" optional="true" next="${reinvite}"><action>${this.#contact()}</action></recv>
<recv request="ACK" optional="true" next="${acknowledged}"/>
<recv request="UPDATE" optional="true" next="${update}"><action>${this.#contact()}</action></recv>
<recv request="NOTIFY" timeout="${within}" next="${on}"/>
<label id="${reinvite}"/>`)
      .respond(200, sdp(), { next: again }) // by the response itself: an ACK that comes while a step of its own leads back would be unexpected
      .#step(`<label id="${acknowledged}"/>
<nop next="${again}"><action><log message="reached refreshed"/></action></nop>
<label id="${update}"/>`)
      .respond(200).#step(`<nop next="${again}"><action><log message="reached refreshed"/></action></nop>
<label id="${on}"/>`);
  }

  pauses(milliseconds) {
    return this.#step(`<pause milliseconds="${milliseconds}"/>`);
  }

  scenario() {
    const references = this.#variables.length > 0 ? `<Reference variables="${this.#variables.join(',')}"/>` : '';
    return `<?xml version="1.0" encoding="UTF-8"?>\n<scenario name="${this.role}">\n${this.#steps.join('\n')}\n${references}\n</scenario>\n`;
  }

  #request(method, number, { body, headers = [], branch = `${method}-${number}`, resend = true }) {
    if (method !== 'ACK') this.#asked = method;
    const own = branch === 'INVITE' ? `INVITE-${number}` : branch;
    // CANCEL and the ACK of a rejection go where the INVITE went (RFC 3261 §9.1, §17.1.1.3).
    const target = branch === 'INVITE' ? FIRST_TARGET : this.#target;
    const remote = branch !== 'INVITE' ? this.#remote : method === 'ACK' ? '[$rejected]' : REMOTE.calls;
    const routes = this.#target === FIRST_TARGET || branch === 'INVITE' ? [] : ['[routes]'];
    return this.#send([
      `${method} ${target} SIP/2.0`, `Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=z9hG4bK-[call_id]-${own};rport`, ...routes,
      `From: ${LOCAL[this.role]}`, `To: ${remote}`, 'Call-ID: [call_id]',
      `CSeq: ${number} ${method}`, 'Max-Forwards: 70', ...headers,
    ], body, { resend: resend && method !== 'ACK' });
  }

  /** Reads a final rejection of the INVITE and acknowledges it. */
  rejected(status, { has = [] } = {}) {
    const actions = has.map((pattern) => this.#match(pattern));
    actions.push(this.#capture('rejected', 'To:'));
    return this.#receive(`response="${status}"`, actions).ackOfRejection();
  }

  #send(lines, body, { resend = false, next }) {
    const described = body ? [`Content-Type: ${body.type}`, 'Content-Length: [len]', '', body.text] : ['Content-Length: 0', '', ''];
    return this.#step(`<send${resend ? ' retrans="500"' : ''}${next === undefined ? '' : ` next="${next}"`}><![CDATA[\n${[...lines, ...described].join('\n')}\n]]></send>`);
  }

  #receive(what, actions, within = 20_000) {
    const timeout = what.includes('optional') ? '' : ` timeout="${within}"`;
    return this.#step(`<recv ${what}${timeout}>${actions.length > 0 ? `<action>${actions.join('')}</action>` : ''}</recv>`);
  }

  #capture(name, header) {
    this.#know(name);
    return `<ereg regexp=".*" search_in="hdr" header="${header}" check_it="true" assign_to="${name}"/>`;
  }

  /** Notes where the next request within the call goes; SIPp's own `[next_url]` knows no target refresh. */
  #contact() {
    this.#know('target');
    this.#target = '[$target]';
    return '<ereg regexp="sips?:[^>]*" search_in="hdr" header="Contact:" check_it="true" assign_to="target"/>';
  }

  #match(pattern) {
    const name = `match${this.#variables.length}`;
    this.#know(name);
    return `<ereg regexp="${pattern.replace(/&/g, '&amp;').replace(/"/g, '&quot;').replace(/</g, '&lt;')}" search_in="msg" check_it="true" assign_to="${name}"/>`;
  }

  #know(name) {
    if (!this.#variables.includes(name)) this.#variables.push(name);
  }

  #step(xml) {
    this.#steps.push(xml);
    return this;
  }
}
