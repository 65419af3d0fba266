// Whoever follows a gateway's events: server-sent events, read as the standard says.

export class Reader {
  /** `last`: the event behind which to begin; '0' is the oldest. */
  static async follow(stage, gateway, token, { last, types } = {}) {
    const reader = new Reader();
    const query = types ? `?types=${types}` : '';
    const headers = { authorization: `Bearer ${token}`, ...(last && { 'last-event-id': last }) };
    const response = await fetch(`${gateway.url}/v1/events${query}`, { headers, signal: reader.ending.signal });
    if (!response.ok) throw new Error(`/v1/events: ${response.status} ${await response.text()}`);
    stage.leaves(() => reader.ending.abort());
    reader.read(response.body).catch(() => (reader.closed = true));
    return reader;
  }

  constructor() {
    Object.assign(this, { events: [], ending: new AbortController(), closed: false });
  }

  async read(body) {
    let rest = '';
    for await (const chunk of body.pipeThrough(new TextDecoderStream())) {
      const blocks = (rest + chunk).split('\n\n');
      rest = blocks.pop();
      for (const block of blocks) {
        const fields = block.split('\n').map((line) => /^([a-z]+): ?(.*)$/.exec(line)).filter(Boolean);
        const field = (name) => fields.find(([, key]) => key === name)?.[2];
        if (field('data')) this.events.push({ id: field('id'), kind: field('event'), body: field('data'), event: JSON.parse(field('data')) });
      }
    }
    this.closed = true;
  }

  kinds() {
    return this.events.map(({ event, kind }) => kind ?? event.type.replace('io.warmline.', ''));
  }
}
