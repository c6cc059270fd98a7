/** The registry as a file that an import takes. */
import type { ExchangeFormat } from '../exchange/rows.ts';
import { writeRows } from '../exchange/write.ts';
import type { Node } from '../nodes/node.ts';
import { allNodes, type ExportFilter } from './all-nodes.ts';
import type { Journey } from './journey.ts';

export async function exportNodes({ store }: Journey, format: ExchangeFormat, filter: ExportFilter): Promise<string> {
  const all: Node[] = [];
  for await (const page of allNodes(store, filter)) all.push(...page);
  return writeRows(all, format);
}
