/** kubectl's JSONPath dialect. */
import { describe, expect, it } from 'vitest';
import { jsonPath } from '../../src/cli/output/jsonpath.ts';

const DOCUMENT = {
  kind: 'List',
  items: [
    { metadata: { name: 'a', labels: { 'app.kubernetes.io/name': 'x', 'a-b': '1' } }, cpu: 256, on: true },
    { metadata: { name: 'b' }, cpu: 1024, on: false, conditions: [{ type: 'Ready', status: 'True' }] },
    { metadata: { name: 'c' }, cpu: 512 },
  ],
  'odd name': { "it's": 'here' },
  nothing: null,
};

describe('templates', () => {
  it.each<[string, string, string]>([
    ['{.kind}', 'List', 'a member'],
    ['{$.kind}', 'List', '$ is the document'],
    ['{@.kind}', 'List', '@ is the current one'],
    ['{kind}', 'List', 'kubectl takes a bare name'],
    ['.kind', 'List', 'without braces it is an expression'],
    ['{.items[0].metadata.name}', 'a', 'an index'],
    ['{.items[-1].metadata.name}', 'c', 'from the end'],
    ['{.items[9].metadata.name}', '', 'what is not there is nothing'],
    ['{.nobody.knows}', '', 'what is not there is nothing'],
    ['{.items.metadata}', '', 'a list has no members'],
    ['{.items[*].metadata.name}', 'a b c', 'several results have a space between'],
    ['{.items[0:2].metadata.name}', 'a b', 'a slice'],
    ['{.items[1:].metadata.name}', 'b c', 'an open slice'],
    ['{.items[::2].metadata.name}', 'a c', 'a slice with a step'],
    ['{.items[0,2].metadata.name}', 'a c', 'a union of indices'],
    ["{.items[0]['cpu','on']}", '256 true', 'a union of names'],
    ["{['odd name']['it\\'s']}", 'here', 'names in brackets, escaped quotes'],
    ["{.items[0].metadata.labels['app.kubernetes.io/name']}", 'x', 'a name with dots in brackets'],
    ['{.items[0].metadata.labels.app\\.kubernetes\\.io/name}', 'x', 'or escaped, as kubectl users write it'],
    ['{.items[0].metadata.labels.a-b}', '1', 'a hyphen is'],
    ['{..name}', 'a b c', 'descent'],
    ['{.items[0].metadata.labels.*}', 'x 1', 'all members'],
    ['{.items[0].metadata}', '{"name":"a","labels":{"app.kubernetes.io/name":"x","a-b":"1"}}', 'objects as JSON'],
    ['{.items[0].on}', 'true', 'truth as JSON'],
    ['{.nothing}', 'null', 'null is a value'],
    ['{.items[?(@.cpu==512)].metadata.name}', 'c', 'a filter on a number'],
    ['{.items[?(@.cpu>=512)].metadata.name}', 'b c', 'an order'],
    ['{.items[?(@.cpu<512)].metadata.name}', 'a', 'an order'],
    ['{.items[?(@.metadata.name!="a")].metadata.name}', 'b c', 'a filter on text'],
    ["{.items[?(@.metadata.name=='b')].cpu}", '1024', 'single quotes'],
    ['{.items[?(@.conditions)].metadata.name}', 'b', 'existence'],
    ['{.items[?(@.on==true)].metadata.name}', 'a', 'truth'],
    ['{.items[1].conditions[?(@.type=="Ready")].status}', 'True', 'what people ask conditions for'],
    ['{.items[?( @.cpu > "x" )].metadata.name}', '', 'text and number have no order'],
    ['{range .items[*]}{.metadata.name}={.cpu}{"\\n"}{end}', 'a=256\nb=1024\nc=512\n', 'a range'],
    ['{range .items[*]}[{range .conditions[*]}{.type}{end}]{end}', '[][Ready][]', 'a range in a range'],
    ['name: {.items[0].metadata.name}, {"tab\\t"}end', 'name: a, tab\tend', 'text around and in quotes'],
    ["{'{'}{.kind}{'}'}", '{List}', 'braces as text'],
    ['{.}', JSON.stringify(DOCUMENT), 'the document itself'],
  ])('%s is %j: %s', (template, text) => {
    expect(jsonPath(template).render(DOCUMENT)).toBe(text);
  });

  it('finds values of every type', () => {
    expect(jsonPath('{.items[*].cpu}{.kind}').find(DOCUMENT)).toEqual([256, 1024, 512, 'List']);
    expect(jsonPath('text {range .items[0:2]}{.on}{end}').find(DOCUMENT)).toEqual([true, false]);
  });

  it('reads nothing that is inherited', () => {
    expect(jsonPath('{.constructor}{.__proto__}{.items.length}').render(DOCUMENT)).toBe('');
  });
});

describe('what cannot be read is refused with its place', () => {
  it.each<[string, string]>([
    ['{.a', "'}' is missing at character 4 of '{.a'"],
    ['{.a[0}', "']' is missing at character 6"],
    ['{.a[}', 'an index, a quoted name, * or ?( ) is missing at character 5'],
    ['{.a["x]}', 'a quote is not closed'],
    ['{..}', 'a name or * is missing at character 4'],
    ['{}', 'a path such as .metadata.name is missing at character 2'],
    ['{range .a}x', '{range} without {end}'],
    ['x{end}', '{end} without {range}'],
    ['{.a[?(@.b==)]}', 'a path beginning with @, a quoted text, a number, true or false is missing at character 12'],
    ['{.a[?(@.b=="x"]}', "')' is missing"],
    ['{.a[0:2:0]}', 'a step must be 1 or more'],
    ['.a b c', "'}' is missing at character 4 of '.a b c'"],
  ])('%s', (template, message) => {
    expect(() => jsonPath(template)).toThrow(message);
  });
});
