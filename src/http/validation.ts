/**
 * The schemas of the contract, checked by ajv. Addresses hold nothing but text, so there `limit=10` is the number that the schema asks for; a body
 * has types of its own, and `"10"` in it is a mistake.
 */
import { Ajv, type ValidateFunction } from 'ajv';
import type { FastifyInstance } from 'fastify';

const OPTIONS = { removeAdditional: false, useDefaults: true, allErrors: false } as const;
const IN_ADDRESSES = new Set(['querystring', 'params']);

export function checkBySchemas(app: FastifyInstance): void {
  const strict = new Ajv({ ...OPTIONS, coerceTypes: false });
  const ofText = new Ajv({ ...OPTIONS, coerceTypes: true });
  app.setValidatorCompiler<object>(
    ({ schema, httpPart }): ValidateFunction => (IN_ADDRESSES.has(httpPart ?? '') ? ofText : strict).compile(schema),
  );
}
