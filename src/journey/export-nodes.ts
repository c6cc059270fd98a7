/** The registry as a file that an import takes. */
import type { ExchangeFormat } from '../exchange/rows.ts';
import { writeRows } from '../exchange/write.ts';
import type { Node } from '../nodes/node.ts';
import type { ExportFilter } from './exports.ts';
import type { Journey } from './journey.ts';

const PAGE = 1000;

export async function exportNodes({ store }: Journey, format: ExchangeFormat, filter: ExportFilter): Promise<string> {
  const all: Node[] = [];
  for (let after: string | undefined; ; ) {
    const page = await store.nodes.page({ ...filter, after, limit: PAGE });
    all.push(...page);
    after = page.at(-1)?.fqdn;
    if (page.length < PAGE) return writeRows(all, format);
  }
}
