import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { compileTemplate, type TemplateLanguage } from '../../../src/postinstall/template.ts';

t.test('a value is printed only through the helper of its language', async (t) => {
  const rows: ReadonlyArray<[string, string, TemplateLanguage, string | null]> = [
    ['quoted', 'a={{sh value}}', 'shell', `a='it'\\''s'`],
    ['a line', 'Key {{line value}}', 'config', `Key it's`],
    ['inside a block', '{{#each list}}{{line this}};{{/each}}', 'config', 'x;y;'],
    ['bare', '{{value}}', 'config', null],
    ['bare with three braces', '{{{value}}}', 'shell', null],
    ['bare inside a block', '{{#each list}}{{this}}{{/each}}', 'config', null],
    ['bare in the other branch', '{{#if value}}{{else}}{{value}}{{/if}}', 'config', null],
    ['the helper of another language', '{{line value}}', 'shell', null],
    ['the helper without a value', '{{line}}', 'config', null],
    ['a partial', '{{> other}}', 'config', null],
    ['a value that is not there', '{{line nothing}}', 'config', null],
  ];
  for (const [name, source, language, expected] of rows) {
    const render = () => compileTemplate(source, language)({ value: "it's", list: ['x', 'y'] });
    if (expected === null) t.throws(render, name);
    else t.equal(render(), expected, name);
  }
});

t.test('a configuration line stays one', async (t) => {
  const template = compileTemplate('{{line value}}', 'config');
  for (const value of ['a\nb', 'a\rb', 'a\0b', 'a\u2028b', '\x1b[2J']) t.throws(() => template({ value }), RangeError);
});

t.test('no script of a module is a template', async (t) => {
  const root = join(import.meta.dirname, '../../../src/postinstall');
  const templates = globSync('**/*.hbs', { cwd: root });
  t.ok(templates.length > 0);
  for (const path of templates) {
    t.match(path, /^modules\/[a-z0-9-]+\/files\/[^/]+\.hbs$/);
    t.notMatch(readFileSync(join(root, path), 'utf8'), /^#!/, `${path} is configuration`);
  }
  for (const path of globSync('**/*.sh', { cwd: root }))
    t.notMatch(readFileSync(join(root, path), 'utf8'), /\{\{/, path);
});
