/** Options that are numbers. */
import { invalid } from '../errors.ts';

/** @throws IronwakeError `option.number` */
export function whole(text: string, field: string, least: number, most: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= least && value <= most) return value;
  throw invalid(
    'option.number',
    field,
    `'${text.slice(0, 20)}' is not a whole number from ${least} to ${most}`,
    'Give digits.',
  );
}
