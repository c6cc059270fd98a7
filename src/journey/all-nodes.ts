/** Every node that a filter leaves, page by page: nobody holds all of them who does not need to. */
import type { Node } from '../nodes/node.ts';
import type { NodeQuery, Store } from './ports.ts';

const PAGE = 1000;

/** Living nodes alone: archived ones are in no file for others. */
export type ExportFilter = Pick<NodeQuery, 'state' | 'tag' | 'profile' | 'search'>;

/** By full name; no page is empty. */
export async function* allNodes(
  { nodes }: Pick<Store, 'nodes'>,
  filter: ExportFilter,
): AsyncGenerator<readonly Node[]> {
  for (let last: Node | undefined; ; ) {
    const page = await nodes.page({ ...filter, after: last?.fqdn, afterId: last?.id, limit: PAGE });
    last = page.at(-1);
    if (last !== undefined) yield page;
    if (page.length < PAGE) return;
  }
}
