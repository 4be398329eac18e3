/** Manifests: every shape of YAML and JSON that people hand over. What is refused, and where, is in `invalid/manifests.ts`. */
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

describe('what is refused', () => {
  it('an alias bomb ends quickly', () => {
    const levels = Array.from(
      { length: 9 },
      (_, level) => `l${level + 1}: &l${level + 1} [${Array(9).fill(`*l${level}`).join(', ')}]`,
    );
    expect(lines(`l0: &l0 [x]\n${levels.join('\n')}`).join()).toContain(
      'has aliases (*name) that expand to more than a manifest holds; write them out',
    );
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
