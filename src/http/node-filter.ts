/** What lists and files of nodes are narrowed by. */
import type { NodeQuery } from '../journey/ports.ts';

/** The filters of a query as the store takes them: `q` is looked for in lower case. */
export function filterOf<T extends { readonly q?: string }>({
  q,
  ...filter
}: T): Omit<T, 'q'> & Pick<NodeQuery, 'search'> {
  return { ...filter, search: q?.trim().toLowerCase() };
}
