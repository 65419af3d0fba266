/** Where a call may be transferred to: a number, a colleague or a SIP address. */
export function parseTarget(typed: string): { is: 'target'; target: string } | { is: 'refused'; sentence: string } {
  const colleague = typed.trim();
  if (/^agent:[^\s]+$/.test(colleague)) return { is: 'target', target: colleague };
  const parsed = parseNumber(typed);
  if (parsed.is === 'number') return { is: 'target', target: parsed.number };
  return { is: 'refused', sentence: colleague ? 'That is nowhere to transfer to. Use a number, or agent: and a colleague’s name.' : 'Say where the call is to go.' };
}

/** A number as typed or pasted, made fit for dialling: spaces, brackets, dots and dashes are for people. */
export function parseNumber(typed: string): { is: 'number'; number: string } | { is: 'refused'; sentence: string } {
  const address = typed.trim();
  if (/^sips?:[^@\s]+@[^@\s]+$/i.test(address)) return { is: 'number', number: address };
  const number = address.replace(/[\s().\u2010-\u2015\u200e\u202a-\u202e-]/g, '');
  if (!number) return { is: 'refused', sentence: 'Enter a number to call.' };
  if (/^\+?[0-9*#]{2,32}$/.test(number)) return { is: 'number', number };
  return { is: 'refused', sentence: 'That can’t be dialled. Use digits, with + and the country code in front.' };
}
