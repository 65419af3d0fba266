/** The gateway over HTTP, in the agent's name. */

import { gatewayClock } from './clock';
import { keptToken } from './sign_in';

/** What the gateway said instead of an answer, as a sentence. */
export class Refused extends Error {}

/** Asks for JSON. A refusal and a network that is gone both come as {@link Refused}. */
export async function ask<T>(where: string, init: RequestInit = {}): Promise<T> {
  const response = await request(where, init);
  try {
    return (await response.json()) as T;
  } catch {
    throw new Refused('The gateway’s answer can’t be read.');
  }
}

/** Asks for whatever it is; a body is sent as JSON. */
export async function request(where: string, { headers, ...init }: RequestInit = {}): Promise<Response> {
  const content = init.body === undefined ? undefined : { 'content-type': 'application/json' };
  const asked = fetch(where, { ...init, headers: { authorization: `Bearer ${keptToken()}`, ...content, ...headers } });
  const response = await asked.catch(() => undefined);
  if (!response) throw new Refused('The gateway can’t be reached.');
  const dated = Date.parse(response.headers.get('date') ?? '');
  if (!Number.isNaN(dated)) gatewayClock.date(dated);
  if (!response.ok) throw new Refused(await sentence(response));
  return response;
}

async function sentence(response: Response): Promise<string> {
  const problem = (await response.json().catch(() => undefined)) as { detail?: string; title?: string } | undefined;
  return problem?.detail ?? problem?.title ?? `The gateway answered ${response.status}.`;
}
