/** Manifests: every shape of YAML and JSON that people hand over, and the place of every defect. */
import { describe, expect, it } from 'vitest';
import { formatManifestDefect, parseManifests, validateLambdaContainer } from '../../src/api/index.ts';

const HEAD = 'apiVersion: lambdacontainer.dev/v1alpha1\nkind: LambdaContainer\n';
const HELLO = `${HEAD}metadata: { name: hello }\nspec:\n  source:\n    functionRef: { name: hello }\n`;

function lines(text: string): string[] {
  return parseManifests(text, 'shop.yaml').defects.map(formatManifestDefect);
}

function names(text: string): string[] {
  return parseManifests(text, 'shop.yaml').objects.map(({ namespace, name }) => `${namespace}/${name}`);
}

describe('what is accepted', () => {
  it.each<[string, string, string[]]>([
    ['one document', HELLO, ['default/hello']],
    [
      'several, with empty ones and comments',
      `---\n---\n# nothing\n---\n${HELLO}---\n${HELLO.replace('hello }', 'two }')}...\n---\n`,
      ['default/hello', 'default/two'],
    ],
    ['a byte order mark', `\uFEFF${HELLO}`, ['default/hello']],
    ['CRLF', HELLO.replaceAll('\n', '\r\n'), ['default/hello']],
    ['nothing', '', []],
    ['only comments', '# a\n# b\n', []],
    [
      'anchors and merges',
      `${HEAD}metadata: { name: a }\nspec:\n  environment: &e { A: "1" }\n  secrets: *e\n  source: { <<: *e }\n`,
      ['default/a'],
    ],
    [
      'JSON with tabs',
      `{\n\t"apiVersion": "lambdacontainer.dev/v1alpha1",\n\t"kind": "LambdaContainer",\n\t"metadata": {\n\t\t"name": "j"\n\t},\n\t"spec": {}\n}`,
      ['default/j'],
    ],
    [
      'a list',
      `apiVersion: v1\nkind: List\nitems:\n- {apiVersion: lambdacontainer.dev/v1alpha1, kind: LambdaContainer, metadata: {name: a, namespace: shop}, spec: {}}\n`,
      ['shop/a'],
    ],
    [
      'what Kubernetes adds',
      `${HEAD}metadata: { name: a, uid: x, generation: 3, creationTimestamp: null }\nspec: {}\nstatus: {}\n`,
      ['default/a'],
    ],
    [
      'a class',
      'apiVersion: lambdacontainer.dev/v1alpha1\nkind: LambdaContainerClass\nmetadata: { name: standard }\nspec: {}\n',
      ['_system/standard'],
    ],
  ])('%s', (_, text, expected) => {
    expect(lines(text)).toEqual([]);
    expect(names(text)).toEqual(expected);
  });

  it('labels, annotations and a default namespace', () => {
    const text = `${HEAD}metadata:\n  name: a\n  labels: { team: shop }\n  annotations: { note: hi }\nspec: {}\n`;
    const [object] = parseManifests(text, 'f', 'blog').objects;
    expect(object).toMatchObject({ namespace: 'blog', labels: { team: 'shop' }, annotations: { note: 'hi' } });
  });

  it('a document of 1 MB', () => {
    const big = `${HELLO}# ${'x'.repeat(1024 * 1024)}\n`;
    expect(names(big)).toEqual(['default/hello']);
  });
});

describe('what is refused, with its place', () => {
  it.each<[string, string, string[]]>([
    [
      'a tab',
      `${HEAD}metadata:\n\tname: x\n`,
      ['shop.yaml:4:1: (syntax): a tab is used for indentation, which YAML forbids; use spaces'],
    ],
    [
      'a key twice',
      `${HEAD}metadata: { name: a }\nspec: { a: 1, a: 2 }\n`,
      ['shop.yaml:4:15: (syntax): the same key stands twice in one map; remove one of them'],
    ],
    [
      'a key twice in JSON',
      '{"a": 1,\n "a": 2}',
      ['shop.yaml:2:2: (syntax): the same key stands twice in one map; remove one of them'],
    ],
    [
      'an unknown alias',
      'a: *b',
      ['shop.yaml:1:1: (document): cannot be read: Unresolved alias (the anchor must be set before the alias): b'],
    ],
    [
      'an unknown tag',
      'a: !secret x',
      ['shop.yaml:1:4: (syntax): has a tag that is not known here (Unresolved tag: !secret); remove the tag'],
    ],
    [
      'text',
      'hello',
      ['shop.yaml:1:1: (document): is not an object; a manifest has apiVersion, kind, metadata and spec'],
    ],
    [
      'a list at the top',
      '\n- a',
      ['shop.yaml:2:1: (document): is not an object; a manifest has apiVersion, kind, metadata and spec'],
    ],
    [
      'no name',
      `${HEAD}metadata: {}\nspec: {}\n`,
      ['shop.yaml:3:1: metadata.name: is missing; give a name of lower-case letters, digits and hyphens'],
    ],
    [
      'capitals',
      `${HEAD}metadata:\n  name: Hello\nspec: {}\n`,
      ["shop.yaml:4:3: metadata.name: 'Hello' has capital letters; use 'hello'"],
    ],
    [
      'a number for a name',
      `${HEAD}metadata:\n  name: 5\nspec: {}\n`,
      ['shop.yaml:4:3: metadata.name: 5 is a number, not text; put it in quotes: "5"'],
    ],
    [
      'a misspelt member',
      `${HELLO}spek: {}\n`,
      ["shop.yaml:7:1: spek: 'spek' is not a field here; did you mean 'spec'?"],
    ],
    ['no spec', `${HEAD}metadata: { name: a }\n`, ['shop.yaml:1:1: spec: is missing; say what is desired']],
    [
      'another kind',
      'apiVersion: v1\nkind: Service\nmetadata: { name: a }\nspec: {}\n',
      [
        "shop.yaml:1:1: apiVersion: 'v1' is not a version that is known here; use lambdacontainer.dev/v1alpha1",
        "shop.yaml:2:1: kind: 'Service' is not a kind that is known here; use LambdaContainer, LambdaContainerClass, GitSource",
      ],
    ],
    [
      'a class in a namespace',
      'apiVersion: lambdacontainer.dev/v1alpha1\nkind: LambdaContainerClass\nmetadata:\n  name: a\n  namespace: shop\nspec: {}\n',
      [
        'shop.yaml:5:3: metadata.namespace: is not for a LambdaContainerClass, which belongs to no namespace; remove it',
      ],
    ],
    [
      'infinity',
      `${HEAD}metadata: { name: a }\nspec:\n  x: .inf\n`,
      ['shop.yaml:5:3: spec.x: Infinity is not a finite number; give a finite one'],
    ],
    [
      'prototype',
      `${HELLO}__proto__: { a: 1 }\n`,
      ["shop.yaml:7:1: __proto__: is not allowed as a name; remove the field '__proto__'"],
    ],
    [
      'the second of two',
      `${HELLO}---\n${HEAD}metadata: { name: a, labels: { n: 1 } }\nspec: {}\n`,
      ['shop.yaml:10:32: metadata.labels.n: 1 is not text; put it in quotes: "1"'],
    ],
  ])('%s', (_, text, expected) => {
    expect(lines(text)).toEqual(expected);
  });

  it('an alias bomb ends quickly', () => {
    const levels = Array.from(
      { length: 9 },
      (_, level) => `l${level + 1}: &l${level + 1} [${Array(9).fill(`*l${level}`).join(', ')}]`,
    );
    expect(lines(`l0: &l0 [x]\n${levels.join('\n')}`).join()).toContain('cannot be read: Excessive alias count');
  });

  it('a defective document does not hide the others', () => {
    expect(names(`${HEAD}metadata: {}\nspec: {}\n---\n${HELLO}`)).toEqual(['default/hello']);
  });
});

describe('places of the defects of a spec', () => {
  const text = `${HELLO}  compute:\n    cpu: 300\n  traffic:\n    hosts:\n    - a.example.com\n    - localhost\n  environment: { "a-b": x }\n`;

  it('are found by path; what is missing stands at its parent', () => {
    const [object] = parseManifests(text, 'shop.yaml').objects;
    const { defects } = validateLambdaContainer(object?.spec, undefined);
    const places = defects.map(({ path }) => [path, object?.position.of(path).line, object?.position.of(path).column]);
    expect(places).toEqual([
      ['spec.compute.cpu', 8, 5],
      ['spec.traffic.hosts[1]', 12, 7],
      ['spec.environment.a-b', 13, 18],
    ]);
    expect(object?.position.of('spec.scaling.min')).toEqual({ file: 'shop.yaml', line: 4, column: 1 });
  });
});
