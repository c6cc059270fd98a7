/**
 * Handlebars with an escape per target language. A template may print a value only through the helper of its language, so a forgotten
 * escape is an error when the template is read, not a hole when it is used.
 */
import Handlebars from 'handlebars';
import { embedFile, shellQuote } from './quote.ts';

export type TemplateLanguage = 'shell' | 'config';

/** Helpers that may print, by language. */
const PRINTERS: Readonly<Record<TemplateLanguage, readonly string[]>> = { shell: ['sh', 'embed'], config: ['line'] };

const shell = Handlebars.create();
shell.registerHelper('sh', (value: unknown) => new Handlebars.SafeString(shellQuote(printable(value))));
shell.registerHelper(
  'embed',
  (path: unknown, content: unknown) => new Handlebars.SafeString(embedFile(printable(path), printable(content))),
);

const config = Handlebars.create();
config.registerHelper('line', (value: unknown) => new Handlebars.SafeString(configLine(value)));

const ENGINES: Readonly<Record<TemplateLanguage, typeof Handlebars>> = { shell, config };

/**
 * Renders a template of one language.
 * @throws RangeError for a template that prints without its language's helper, and for a value that does not fit on one line
 */
export function renderTemplate(
  source: string,
  values: Readonly<Record<string, unknown>>,
  language: TemplateLanguage,
): string {
  refuseBarePrinting(Handlebars.parse(source).body, PRINTERS[language]);
  return ENGINES[language].compile(source, { strict: true })(values);
}

/** Handlebars hands a missing value to a helper as undefined, strict or not. */
function printable(value: unknown): string {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return String(value);
  throw new RangeError('the template prints a value that is not there');
}

/** A value inside one line of a configuration file: it can neither end the line nor hide in it. */
function configLine(value: unknown): string {
  const text = printable(value);
  if (/[\x00-\x1f\x7f\u0085\u2028\u2029]/.test(text))
    throw new RangeError('a value of a configuration line holds a control character');
  return text;
}

function refuseBarePrinting(body: readonly hbs.AST.Statement[], printers: readonly string[]): void {
  for (const statement of body) {
    if (statement.type === 'BlockStatement') {
      const block = statement as hbs.AST.BlockStatement;
      refuseBarePrinting(block.program.body, printers);
      refuseBarePrinting(block.inverse?.body ?? [], printers);
    } else if (statement.type === 'MustacheStatement') {
      const { path, params } = statement as hbs.AST.MustacheStatement;
      const name = path.type === 'PathExpression' ? (path as hbs.AST.PathExpression).original : '';
      if (!printers.includes(name) || params.length === 0)
        throw new RangeError(`the template prints '${name}' bare: use one of ${printers.join(', ')}`);
    } else if (statement.type !== 'ContentStatement' && statement.type !== 'CommentStatement') {
      throw new RangeError(`the template uses a ${statement.type}, which is not checked for escapes`);
    }
  }
}
