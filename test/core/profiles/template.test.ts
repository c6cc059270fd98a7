import fc from 'fast-check';
import { test } from 'tap';
import { isTemplate, renderTemplate, TemplateError, type TemplateFacts } from '../../../src/profiles/template.ts';

const FACTS: TemplateFacts = {
  fqdn: 'pve1.lab.example',
  host: 'pve1',
  domain: 'lab.example',
  mac: 'bc:24:11:00:00:01',
  site: 'default',
  tags: ['rack-a', 'storage'],
  values: {
    rack: 'a1',
    vlan: 20,
    spare: false,
    dns: ['192.0.2.53', '192.0.2.54'],
    constructor: 'own',
    'with-hyphen': 'h',
  },
  pool: { lan: '192.0.2.20' },
  counter: { pve: '07' },
};

const RENDERED: ReadonlyArray<readonly [template: string, text: string]> = [
  ['', ''],
  ['no template', 'no template'],
  ['{{fqdn}}', 'pve1.lab.example'],
  ['root@{{domain}}', 'root@lab.example'],
  ['{{ host }}-{{values.rack}}', 'pve1-a1'],
  ['{{mac}} {{site}}', 'bc:24:11:00:00:01 default'],
  ['{{tags}}', 'rack-a,storage'],
  ['{{pool.lan}}/24', '192.0.2.20/24'],
  ['node{{counter.pve}}', 'node07'],
  ['{{values.vlan}} {{values.spare}}', '20 false'],
  ['{{values.dns}}', '192.0.2.53,192.0.2.54'],
  ['{{values.constructor}}', 'own'],
  ['{{values.with-hyphen}}', 'h'],
  ['{{{host}}}', 'pve1'],
  ['a {{! a comment }}b', 'a b'],
  ['\\{{host}}', '{{host}}'],
  ['{ {host} }', '{ {host} }'],
];

test('what templates give', (t) => {
  for (const [template, text] of RENDERED) t.equal(renderTemplate(template, FACTS), text, template);
  t.end();
});

const REFUSED: ReadonlyArray<readonly [template: string, message: RegExp, remedy: RegExp]> = [
  ['{{hots}}', /no 'hots'/, /Did you mean host\?/],
  ['{{values.rakc}}', /no 'values\.rakc'/, /Did you mean values\.rack\?/],
  ['{{values.entirely-different}}', /no 'values\.entirely-different'/, /under values, or under types/],
  ['{{pool.wan}}', /no 'pool\.wan'/, /under pools|pool\.lan/],
  ['{{counter.nodes}}', /no 'counter\.nodes'/, /under counters/],
  ['{{something.else}}', /no 'something\.else'/, /Known here/],
  ['{{values}}', /no 'values'/, /Known here|Did you mean/],
  ['{{constructor}}', /no 'constructor'/, /Known here/],
  ['{{__proto__}}', /no '__proto__'/, /Known here/],
  ['{{values.toString}}', /no 'values\.toString'/, /under values/],
  ['{{host', /not a template/, /Write/],
  ['{{}}', /not a template/, /Write/],
  ['{{host.}}', /names only/, /Write/],
  ['{{#if host}}x{{/if}}', /names only/, /Write/],
  ['{{#each tags}}x{{/each}}', /names only/, /Write/],
  ['{{log host}}', /names only/, /Write/],
  ['{{lookup values "rack"}}', /names only/, /Write/],
  ['{{host a=1}}', /names only/, /Write/],
  ['{{> partial}}', /names only/, /Write/],
  ['{{* decorator}}', /names only/, /Write/],
  ['{{"text"}}', /names only/, /Write/],
  ['{{5}}', /names only/, /Write/],
  ['{{true}}', /names only/, /Write/],
  ['{{@root.host}}', /names only/, /Write/],
  ['{{this.host}}', /names only/, /Write/],
  ['{{this}}', /names only/, /Write/],
  ['{{../host}}', /names only/, /Write/],
  ['{{values.a.b}}', /names only/, /Write/],
  ['{{host}}\n', /control character/, /one line/],
  ['\u0000{{host}}', /control character/, /one line/],
];

test('what templates cannot say', (t) => {
  for (const [template, message, remedy] of REFUSED) {
    try {
      t.fail(`${template} gave ${renderTemplate(template, FACTS)}`);
    } catch (error) {
      if (!(error instanceof TemplateError)) throw error;
      t.match(error.fault.message, message, JSON.stringify(template));
      t.match(error.fault.remedy, remedy, JSON.stringify(template));
    }
  }
  t.end();
});

test('a control character in a value is refused, whatever the template around it', (t) => {
  for (const bad of ['\n', '\r', '\t', '\u0000', '\u001b', '\u007f', '\u0085', '\u2028', '\u2029', '\ud800']) {
    const facts = { ...FACTS, values: { x: `a${bad}b` } };
    t.throws(() => renderTemplate('{{values.x}}', facts), /control character/, `U+${bad.charCodeAt(0).toString(16)}`);
  }
  t.end();
});

test('values are not templates themselves, and nothing is escaped', (t) => {
  const nasty = '<b>&"\'{{host}}{{/x}}`$(id)';
  t.equal(renderTemplate('{{values.x}}', { ...FACTS, values: { x: nasty } }), nasty);
  t.end();
});

const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/;

test('property: any text is a text without control characters, or a TemplateError', (t) => {
  const pieces = fc.array(
    fc.oneof(
      fc.constantFrom(
        '{{',
        '}}',
        '{{{',
        '}}}',
        'host',
        'values.x',
        '#if ',
        '/if',
        '!',
        '&',
        '~',
        '"',
        '\\',
        ' ',
        '\n',
        'pool.lan',
        '>',
      ),
      fc.string({ unit: 'binary', maxLength: 4 }),
    ),
    { maxLength: 12 },
  );
  fc.assert(
    fc.property(pieces, fc.string({ unit: 'binary' }), (parts, value) => {
      const template = parts.join('');
      try {
        const text = renderTemplate(template, { ...FACTS, values: { x: value } });
        t.notMatch(text, CONTROL);
      } catch (error) {
        if (!(error instanceof TemplateError)) throw error;
        t.notMatch(error.fault.message, CONTROL);
      }
    }),
    { numRuns: 2000 },
  );
  t.end();
});

test('property: a value comes through unchanged', (t) => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (value) => {
      fc.pre(!CONTROL.test(value));
      t.equal(renderTemplate('{{values.x}}', { ...FACTS, values: { x: value } }), value);
    }),
  );
  t.end();
});

test('what is a template', (t) => {
  t.equal(isTemplate('{{x}}'), true);
  t.equal(isTemplate('{ x }'), false);
  t.end();
});
