/** What is composed for each kind of source, and how its code becomes an image. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { TEMPLATES_MODULE, templatesModule } from '../../scripts/generate-templates.ts';
import { validateClass, validateLambdaContainer } from '../../src/api/index.ts';
import { parseOrder } from '../../src/builder/order.ts';
import { baseImageOf, compose } from '../../src/compose/index.ts';
import type { ImageBuildProps } from '../../src/kinds/index.ts';
import { parseBuildspec } from '../../src/local-cloud/drivers/buildspec.ts';
import type { Node, Outputs, Pin } from '../../src/resource/index.ts';
import { CLASS_SPEC, withValue } from '../api/fixtures.ts';

const KEY = { namespace: 'shop', name: 'checkout' };
const OLD = `sha256:${'1'.repeat(64)}`;
const NEW = `sha256:${'2'.repeat(64)}`;
const COMMIT = 'c'.repeat(40);

const FUNCTION = {
  arn: 'arn:aws:lambda:eu-west-1:111122223333:function:checkout',
  functionName: 'checkout',
  version: '$LATEST',
  packageType: 'Zip',
  runtime: 'nodejs22.x',
  handler: 'index.handler',
  codeSha256: 'abc=',
  architecture: 'arm64',
  memoryMb: 512,
  environment: {},
  layers: [],
  roleArn: 'arn:aws:iam::111122223333:role/checkout',
  imageUri: undefined,
  imageConfig: undefined,
};

const OUTPUTS: Readonly<Record<string, Outputs>> = {
  function: FUNCTION,
  'base-image': { digest: NEW, uri: `public.ecr.aws/lambda/nodejs@${NEW}` },
  repository: { uri: '111122223333.dkr.ecr.eu-west-1.amazonaws.com/lambdacontainer/shop' },
  'build-project': {},
  'log-group': { name: '/lambdacontainer/shop/checkout' },
  'target-group/ip': { arn: 'arn:tg' },
  image: { digest: OLD, uri: `repository@${OLD}` },
};

interface Composing {
  readonly spec: Record<string, unknown>;
  readonly klass?: Record<string, unknown>;
  readonly outputs?: Readonly<Record<string, Outputs>>;
  readonly pins?: Readonly<Record<string, Pin>>;
}

function composed({ spec: raw, klass: rawClass = CLASS_SPEC, outputs = {}, pins }: Composing) {
  const judgedClass = validateClass(rawClass);
  if (!judgedClass.spec) throw new Error(JSON.stringify(judgedClass.defects));
  const { spec, defects } = validateLambdaContainer(raw, judgedClass.spec, KEY.namespace);
  if (!spec) throw new Error(JSON.stringify(defects));
  const allocation = { listenerArn: 'l', priority: 1, claims: [] };
  const known = { ...OUTPUTS, ...outputs };
  const input = { key: KEY, spec, klass: judgedClass.spec, region: 'eu-west-1', allocation, incarnations: {}, pins };
  const { nodes, complete } = compose(input, (id) => known[id]);
  const resolved = (id: string) => {
    const found = nodes.find((node) => node.id === id) as Node;
    return found.resolve((dependency) => {
      if (!found.dependsOn.includes(dependency)) throw new Error(`${id} reads ${dependency}, which it does not name`);
      return known[dependency] ?? {};
    });
  };
  const build = () => {
    const { identity, props } = resolved('image') as { identity: Record<string, string>; props: ImageBuildProps };
    return { identity, props, order: parseOrder(props.environment.LAMBDACONTAINER_BUILD) };
  };
  return { ids: nodes.map(({ id }) => id), nodes, complete, resolved, build };
}

describe('a function', () => {
  it('is composed without a daemon, and the order of its build is what the builder understands', () => {
    const { props, order } = composed({ spec: { source: { functionRef: { name: 'checkout' } } } }).build();
    expect(props.environmentOverride).toBeUndefined();
    expect(order).toMatchObject({
      recipe: 'composer-v2',
      source: { type: 'function', name: 'checkout', qualifier: null, codeSha256: 'abc=' },
      handler: 'index.handler',
      ownRuntime: false,
      labels: {
        'org.opencontainers.image.base.digest': NEW,
        'lambdacontainer.dev/code': 'abc=',
        'lambdacontainer.dev/recipe': 'composer-v2',
      },
    });
  });

  it('brings its own bootstrap where the runtime is provided', () => {
    const outputs = { function: { ...FUNCTION, runtime: 'provided.al2023' } };
    expect(composed({ spec: { source: { functionRef: { name: 'a' } } }, outputs }).build().order.ownRuntime).toBe(true);
  });

  it('is built by the Dockerfile of its family where its class says so, privileged and with Docker', () => {
    const klass = withValue(CLASS_SPEC, 'build.recipe', 'dockerfile');
    const { props, order } = composed({ spec: { source: { functionRef: { name: 'a' } } }, klass }).build();
    expect(order.recipe).toBe('dockerfile-v1');
    expect(props.environmentOverride).toMatchObject({
      image: 'aws/codebuild/amazonlinux-x86_64-standard:5.0',
      privileged: true,
    });
    const buildspec = parse(props.environmentOverride?.buildspec ?? '');
    expect(Buffer.from(buildspec.env.variables.LAMBDACONTAINER_DOCKERFILE, 'base64').toString()).toBe(
      readFileSync(new URL('../../templates/nodejs.Dockerfile', import.meta.url), 'utf8'),
    );
    expect(props.environment.LAMBDACONTAINER_BUILDER_IMAGE).toBe(CLASS_SPEC.build.image);
  });

  it('is another image with another Dockerfile, whose text reaches the build unchanged', () => {
    const dockerfile = 'ARG BASE_IMAGE\nFROM $BASE_IMAGE\nRUN echo "a: \'b\'" # {{handler}}\n\tRUN x\n';
    const spec = { source: { functionRef: { name: 'a' } } };
    const own = composed({ spec: { ...spec, build: { dockerfile } } }).build();
    expect(parseBuildspec(own.props.environmentOverride?.buildspec ?? '').variables).toEqual({
      LAMBDACONTAINER_DOCKERFILE: Buffer.from(dockerfile).toString('base64'),
    });
    expect(own.identity.tag).not.toBe(composed({ spec }).build().identity.tag);
    expect(own.identity.tag).not.toBe(
      composed({ spec: { ...spec, build: { dockerfile: `${dockerfile}#` } } }).build().identity.tag,
    );
  });
});

describe('a base image', () => {
  const spec = { source: { functionRef: { name: 'a' } } };
  const identity = { reference: 'public.ecr.aws/lambda/nodejs:22', architecture: 'arm64' };
  const pin = { identity, digest: OLD, follows: false };
  const cases = [
    { reason: 'what the tag means now is used', pins: undefined, base: NEW },
    { reason: 'a tag that is followed is never what it was', pins: { ...pin, follows: true }, base: NEW },
    { reason: 'a tag that is not followed stays what it was', pins: pin, base: OLD },
    {
      reason: 'a pin of another reference is no pin',
      pins: { ...pin, identity: { ...identity, reference: 'x' } },
      base: NEW,
    },
  ];
  it.each(cases)('$reason', ({ pins, base }) => {
    const { order, identity: image } = composed({ spec, ...(pins ? { pins: { 'base-image': pins } } : {}) }).build();
    expect(order.baseImage).toBe(`public.ecr.aws/lambda/nodejs@${base}`);
    const other = composed({
      spec,
      outputs: { 'base-image': { digest: base, uri: `public.ecr.aws/lambda/nodejs@${base}` } },
    });
    expect(image.tag).toBe(other.build().identity.tag);
  });

  // https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html
  const RUNTIMES = {
    nodejs: ['nodejs20.x', 'nodejs22.x', 'nodejs24.x', 'nodejs26.x'],
    python: ['python3.10', 'python3.11', 'python3.12', 'python3.13', 'python3.14', 'python3.15'],
    java: ['java11', 'java17', 'java21', 'java25'],
    dotnet: ['dotnet8', 'dotnet10'],
    ruby: ['ruby3.2', 'ruby3.3', 'ruby3.4', 'ruby4.0'],
    provided: ['provided.al2', 'provided.al2023'],
  };
  it.each(Object.entries(RUNTIMES).flatMap(([family, names]) => names.map((runtime) => ({ family, runtime }))))(
    'of $runtime is AWS’s own',
    ({ family, runtime }) => {
      const version = runtime.replace(/^[a-z]+\.?/, '').replace(/\.x$/, '');
      expect(baseImageOf(runtime)).toBe(`lambda/${family}:${version}`);
    },
  );
});

describe('an image', () => {
  const uri = '999988887777.dkr.ecr.eu-west-1.amazonaws.com/shop/checkout:1.4';
  const image = { digest: NEW, uri: `999988887777.dkr.ecr.eu-west-1.amazonaws.com/shop/checkout@${NEW}` };
  const spec = { source: { image: { uri } }, interface: 'http', port: 3000 };

  it('runs as it is, by digest, without a build, a function or an adapter', () => {
    const { ids, resolved } = composed({ spec, outputs: { source: image } });
    expect(ids).toEqual(expect.arrayContaining(['source', 'task-definition', 'service', 'rule', 'weights']));
    for (const absent of ['function', 'image', 'base-image', 'build-project', 'repository', 'lambda-target']) {
      expect(ids).not.toContain(absent);
    }
    const { register } = resolved('task-definition').props as {
      register: { containerDefinitions: { image: string }[] };
    };
    expect(register.containerDefinitions.map((container) => container.image)).toEqual([image.uri]);
  });

  it('that is not followed stays the digest that its tag first meant', () => {
    const digestOnly = { ...spec, source: { image: { uri, track: 'digest' } } };
    const pins = { source: { identity: { reference: uri, architecture: 'x86_64' }, digest: OLD, follows: false } };
    const { resolved } = composed({ spec: digestOnly, outputs: { source: image }, pins });
    const { register } = resolved('task-definition').props as {
      register: { containerDefinitions: { image: string }[] };
    };
    expect(register.containerDefinitions[0]?.image).toBe(image.uri.replace(NEW, OLD));
  });

  it('has no rights in AWS where nobody names a role', () => {
    const { task: _task, ...roles } = CLASS_SPEC.roles;
    const { ids, resolved } = composed({ spec, klass: { ...CLASS_SPEC, roles }, outputs: { source: image } });
    expect(ids).not.toContain('task-role');
    expect((resolved('task-definition').props as { register: object }).register).not.toHaveProperty('taskRoleArn');
  });

  it('behind the adapter is told that it is a function', () => {
    const { resolved } = composed({ spec: { source: { image: { uri } } }, outputs: { source: image } });
    const { register } = resolved('task-definition').props as {
      register: { containerDefinitions: { name: string; environment: { name: string; value: string }[] }[] };
    };
    expect(register.containerDefinitions.map(({ name }) => name)).toEqual(['front', 'function-1']);
    expect(register.containerDefinitions[0]?.environment).toContainEqual({
      name: 'LAMBDACONTAINER_FUNCTION_ARN',
      value: 'arn:aws:lambda:eu-west-1:111122223333:function:checkout',
    });
  });
});

describe('a repository', () => {
  const source = { repository: { url: 'https://git.example.com/shop.git', ref: 'main', context: 'app' } };
  const outputs = { source: { commit: COMMIT } };

  it('is built by its own Dockerfile, by commit', () => {
    const { ids, build } = composed({ spec: { source, interface: 'http' }, outputs });
    expect(ids).not.toContain('base-image');
    const { order, props } = build();
    expect(order).toMatchObject({
      recipe: 'dockerfile-v1',
      source: {
        type: 'repository',
        url: source.repository.url,
        commit: COMMIT,
        context: 'app',
        dockerfile: 'Dockerfile',
      },
      baseImage: null,
      labels: { 'org.opencontainers.image.revision': COMMIT, 'org.opencontainers.image.source': source.repository.url },
    });
    expect(props.environmentOverride?.buildspec).not.toContain('LAMBDACONTAINER_DOCKERFILE');
  });

  const credentials = [
    { url: 'https://git.example.com/', secretRef: 'all' },
    { url: 'https://git.example.com/acme/', secretRef: 'acme' },
    { url: 'https://git.example.com/acme/one.git', secretRef: 'one' },
    { url: 'https://git.example.com:8443/', secretRef: 'port' },
    { url: 'https://code.example.com/acme/', secretRef: 'code' },
  ];
  it.each([
    { url: 'https://git.example.com/shop.git', secret: 'all' },
    { url: 'https://git.example.com/acme/shop.git', secret: 'acme' },
    { url: 'https://GIT.example.com/acme/shop.git', secret: 'acme', reason: 'a host has no case' },
    { url: 'https://git.example.com/acme/one.git', secret: 'one', reason: 'a whole repository' },
    { url: 'https://git.example.com/acme/one.github', secret: 'acme', reason: 'no part of a name' },
    { url: 'https://git.example.com:8443/acme/shop.git', secret: 'port' },
    { url: 'https://code.example.com/acme', secret: undefined, reason: 'not below' },
    { url: 'https://code.example.com/acme-evil/x.git', secret: undefined, reason: 'another name' },
    { url: 'https://code.example.com.evil.example/acme/x.git', secret: undefined, reason: 'another host' },
    { url: 'https://code.example.com/acme/../evil/x.git', secret: undefined, reason: 'a way out' },
    { url: 'https://code.example.com/acme/%2e%2e/evil/x.git', secret: undefined, reason: 'an encoded way out' },
    { url: 'https://code.example.com/acme/..%2fevil/x.git', secret: undefined, reason: 'a way out for its server' },
    { url: 'https://code.example.com/acme//evil/x.git', secret: undefined, reason: 'an empty name' },
    { url: 'https://code.example.com/evil/../acme/x.git', secret: undefined, reason: 'a way in' },
    { url: 'https://code.example.com/evil\\..\\acme/x.git', secret: undefined, reason: 'another spelling' },
    { url: 'http://127.0.0.1:8080/acme/x.git', secret: undefined, reason: 'another scheme' },
  ])('$url is opened by the secret $secret ($reason)', ({ url, secret }) => {
    const spec = { source: { repository: { ...source.repository, url } } };
    const klass = withValue(CLASS_SPEC, 'build.gitCredentials', credentials);
    const { resolved, build } = composed({ spec, klass, outputs });
    expect(resolved('source').identity).toEqual({ url, ref: 'main', ...(secret === undefined ? {} : { secret }) });
    const { props, identity } = build();
    expect(props.secrets).toEqual(secret === undefined ? undefined : { LAMBDACONTAINER_GIT_SECRET: secret });
    expect(Object.keys(props.environment)).not.toContain('LAMBDACONTAINER_GIT_SECRET');
    // Who may read it does not decide what is built of it.
    expect(identity.tag).toBe(composed({ spec, outputs }).build().identity.tag);
  });

  it('is another image with another commit or another folder', () => {
    const tags = [
      composed({ spec: { source }, outputs }),
      composed({ spec: { source }, outputs: { source: { commit: 'd'.repeat(40) } } }),
      composed({ spec: { source: { repository: { ...source.repository, context: 'other' } } }, outputs }),
    ].map(({ build }) => build().identity.tag);
    expect(new Set(tags).size).toBe(3);
  });
});

describe('an archive', () => {
  const archive = {
    s3: { bucket: 'archives', key: 'shop.zip' },
    runtime: 'python3.13',
    handler: 'app.handler',
    layers: ['arn:aws:lambda:eu-west-1:111122223333:layer:lib:1'],
  };
  const object = {
    etag: '"900150983cd24fb0d6963f7d28e17f72"',
    size: 3,
    versionId: 'v1',
    checksumSha256: null,
    lastModified: '2026-01-01T00:00:00.000Z',
  };
  const made = (more: object = {}, outputs: object = {}) =>
    composed({
      spec: { source: { archive: { ...archive, ...more } } },
      outputs: { source: { ...object, ...outputs } },
    });

  it('is built as a zip function is, in the version that was seen', () => {
    const { ids, resolved, build } = made({ architecture: 'arm64' });
    for (const absent of ['function', 'lambda-target']) expect(ids).not.toContain(absent);
    expect(resolved('source').identity).toEqual({ location: 'archives/shop.zip', versionId: '' });
    expect(resolved('base-image').identity).toEqual({
      reference: 'public.ecr.aws/lambda/python:3.13',
      architecture: 'arm64',
    });
    expect(build().order).toMatchObject({
      recipe: 'composer-v2',
      source: { type: 'archive', bucket: 'archives', key: 'shop.zip', versionId: 'v1', etag: object.etag },
      handler: 'app.handler',
      architecture: 'arm64',
      layers: archive.layers,
      ownRuntime: false,
      labels: { 'lambdacontainer.dev/code': '900150983cd24fb0d6963f7d28e17f72:3' },
    });
    const { register } = resolved('task-definition').props as {
      register: { runtimePlatform: { cpuArchitecture: string } };
    };
    expect(register.runtimePlatform.cpuArchitecture).toBe('ARM64');
  });

  it.each([
    { reason: 'the same content put again', outputs: { versionId: 'v2' }, isSame: true },
    { reason: 'a later time', outputs: { lastModified: '2026-02-01T00:00:00.000Z' }, isSame: true },
    { reason: 'other content', outputs: { etag: '"1"' }, isSame: false },
    { reason: 'a checksum of its own', outputs: { checksumSha256: 'abc=' }, isSame: false },
    { reason: 'another handler', more: { handler: 'app.other' }, isSame: false },
    { reason: 'no layers', more: { layers: [] }, isSame: false },
  ])('is the same image with $reason: $isSame', ({ more = {}, outputs = {}, isSame }) => {
    const tag = made().build().identity.tag;
    expect(made(more, outputs).build().identity.tag === tag).toBe(isSame);
  });

  it('is the same image whatever version holds a content whose checksum is known', () => {
    const checksum = { checksumSha256: 'ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=' };
    const [one, other] = [
      made({}, { ...checksum, etag: '"1"' }),
      made({}, { ...checksum, etag: '"2-2"', versionId: null }),
    ];
    expect(one.build().identity.tag).toBe(other.build().identity.tag);
    expect(other.build().order.source).toMatchObject({ etag: '"2-2"', versionId: null });
  });
});

it('knows no more than the source until that was read', () => {
  const { ids, complete } = composed({ spec: { source: { image: { uri: 'a.example.com/b:1' } } } });
  expect({ ids, complete }).toEqual({ ids: ['source'], complete: false });
});

it('carries the templates as they are in templates/ (else: npx tsx scripts/generate-templates.ts)', () => {
  expect(readFileSync(new URL(`../../${TEMPLATES_MODULE}`, import.meta.url), 'utf8')).toBe(templatesModule());
});
