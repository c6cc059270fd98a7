/**
 * The schemas of the contract, checked by ajv. Addresses hold nothing but text, so there `limit=10` is the number that the schema asks for; a body
 * has types of its own, and `"10"` in it is a mistake.
 *
 * A schema is compiled when its route is first asked, a few milliseconds each: compiled at the start, all of them together would take a tenth of it, and
 * most are never used. A test compiles them all, so a wrong one is found there.
 */
import { createRequire } from 'node:module';
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import type { FastifyServerOptions } from 'fastify';

export type Compile = 'when-asked' | 'now';

const OPTIONS = { removeAdditional: false, useDefaults: true, allErrors: false } as const;
const IN_ADDRESSES = new Set(['querystring', 'params']);

/** As fastify wants a check: `errors` is of the last call. */
interface Check {
  (data: unknown): boolean;
  errors?: ErrorObject[] | null;
}

/** For `fastify({ schemaController })`. */
export function checkBySchemas(compile: Compile): NonNullable<FastifyServerOptions['schemaController']> {
  return {
    compilersFactory: {
      buildValidator: () => {
        const strict = once(() => new Ajv({ ...OPTIONS, coerceTypes: false }));
        const ofText = once(() => new Ajv({ ...OPTIONS, coerceTypes: true }));
        return (route: unknown) => {
          const { schema, httpPart } = route as { readonly schema: object; readonly httpPart?: string };
          const ajv = IN_ADDRESSES.has(httpPart ?? '') ? ofText : strict;
          const compiled = once((): Check => ajv().compile(schema));
          if (compile === 'now') compiled();
          const check: Check = (data) => {
            const real = compiled();
            const isRight = real(data);
            check.errors = real.errors ?? null;
            return isRight;
          };
          // All that fastify reads of it.
          return check as ValidateFunction;
        };
      },
      buildSerializer: (schemas, options) => {
        const compiler = once(() => serializers()(schemas, options));
        return (route) => {
          const compiled = once(() => compiler()(route));
          if (compile === 'now') compiled();
          return (data: unknown) => compiled()(data);
        };
      },
    },
  };
}

type SerializerFactory = (schemas: unknown, options: unknown) => (route: unknown) => (data: unknown) => string;

/** fastify's own writer of answers, in the version that fastify brings: a field that the schema does not name stays here. */
const serializers = once((): SerializerFactory => {
  const require = createRequire(import.meta.resolve('fastify'));
  const select: unknown = require('@fastify/fast-json-stringify-compiler');
  return (select as () => SerializerFactory)();
});

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
