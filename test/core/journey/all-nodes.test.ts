/** All nodes, page by page, out of a store that gives a page at a time. */
import t from 'tap';
import { allNodes } from '../../../src/journey/all-nodes.ts';
import type { NodeQuery, Store } from '../../../src/journey/ports.ts';
import type { Node } from '../../../src/nodes/node.ts';

const keyOf = ({ fqdn, id }: Pick<Node, 'fqdn' | 'id'>): string => `${fqdn} ${id}`;

function storeOf(count: number): { store: Pick<Store, 'nodes'>; rows: readonly Node[]; asked: NodeQuery[] } {
  // Three of each name: a page that ends among them must go on with the next of them.
  const rows = Array.from({ length: count }, (_, n) => ({
    fqdn: `pve${String(Math.floor(n / 3)).padStart(5, '0')}.lab.example`,
    id: String(n).padStart(6, '0'),
  })) as unknown as Node[];
  const asked: NodeQuery[] = [];
  const page = async (query: NodeQuery): Promise<readonly Node[]> => {
    asked.push(query);
    const from = `${query.after ?? ''} ${query.afterId ?? ''}`;
    return rows.filter((row) => query.after === undefined || keyOf(row) > from).slice(0, query.limit);
  };
  return { store: { nodes: { page } } as unknown as Pick<Store, 'nodes'>, rows, asked };
}

for (const count of [0, 1, 999, 1000, 1001, 2000, 2500]) {
  t.test(`${count} nodes: each once, in order, and the filter is asked with every page`, async (t) => {
    const { store, rows, asked } = storeOf(count);
    const found: Node[] = [];
    for await (const page of allNodes(store, { tag: 'rack-a' })) {
      t.ok(page.length > 0, 'no page is empty');
      found.push(...page);
    }
    t.strictSame(found.map(keyOf), rows.map(keyOf));
    t.ok(asked.every(({ tag, archived }) => tag === 'rack-a' && archived === undefined));
  });
}
