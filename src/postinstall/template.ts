/**
 * Handlebars with an escape per target language. A template may print a value only through the helper of its language, so a forgotten
 * escape is an error when the template is read, not a hole when it is used.
 */
import { readFileSync } from 'node:fs';
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

/** A template with its values: the text. @throws RangeError for a value that does not fit on one line */
export type Template = (values: Readonly<Record<string, unknown>>) => string;

/**
 * Makes a template of one language ready.
 * @throws RangeError for a template that prints without its language's helper
 */
export function compileTemplate(source: string, language: TemplateLanguage): Template {
  const program = Handlebars.parse(source);
  refuseBarePrinting(program.body, PRINTERS[language]);
  // Handlebars' own `compile` puts the work off until the first use: it belongs to the check of a plan when a node is armed, not to the node's wait.
  const specification: unknown = new Function(`return ${Handlebars.precompile(program, { strict: true })}`)();
  return ENGINES[language].template(specification as TemplateSpecification);
}

/** Templates are part of the program and never change while it runs: read and made ready once. */
const ready = new Map<string, Template>();
export function templateAt(url: URL, language: TemplateLanguage): Template {
  const known = ready.get(url.href);
  if (known !== undefined) return known;
  const template = compileTemplate(readFileSync(url, 'utf8'), language);
  ready.set(url.href, template);
  return template;
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
