/** A number as typed or pasted, made fit for dialling: spaces, brackets, dots and dashes are for people. */
export function parseNumber(typed: string): { is: 'number'; number: string } | { is: 'refused'; sentence: string } {
  const address = typed.trim();
  if (/^sips?:[^@\s]+@[^@\s]+$/i.test(address)) return { is: 'number', number: address };
  const number = address.replace(/[\s().\u2010-\u2015\u200e\u202a-\u202e-]/g, '');
  if (!number) return { is: 'refused', sentence: 'Enter a number to call.' };
  if (/^\+?[0-9*#]{2,32}$/.test(number)) return { is: 'number', number };
  return { is: 'refused', sentence: 'That can’t be dialled. Use digits, with + and the country code in front.' };
}
