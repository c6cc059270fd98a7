/** What the schemas of the contract are made of, again and again. */
import { type TSchema, Type } from '@sinclair/typebox';

/** Of an object: what is not known here is refused. */
export const closed = { additionalProperties: false } as const;
/** RFC 3339 in UTC, to the millisecond. */
export const time = (description: string) =>
  Type.String({ format: 'date-time', description, examples: ['2027-01-15T08:00:00.000Z'] });
/** `null` for what is not there. */
export const maybe = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);
export const listOf = <T extends TSchema>(item: T) => Type.Object({ items: Type.Array(item) }, closed);
