/** The JSON Schema of the answer file, by release and product, for editors. */
import { ANSWER_RELEASES, answerDialect, isAnswerRelease } from '../answers/dialect.ts';
import { isProduct, PRODUCTS } from '../answers/release.ts';
import { answerSchema, type JsonSchema } from '../answers/schema.ts';
import { invalid } from '../errors.ts';

/** @throws IronwakeError `release.unsupported`, `product.unknown` */
export function answerSchemaFor(release = '9.2', product = 'pve'): JsonSchema {
  if (!isAnswerRelease(release)) {
    throw invalid(
      'release.unsupported',
      'release',
      `there is no schema for '${release.slice(0, 20)}'`,
      `Ask for one of: ${ANSWER_RELEASES.join(', ')}.`,
    );
  }
  if (!isProduct(product)) {
    throw invalid(
      'product.unknown',
      'product',
      `there is no product '${product.slice(0, 20)}'`,
      `Ask for one of: ${PRODUCTS.join(', ')}.`,
    );
  }
  return answerSchema(answerDialect(release), product);
}
