/** What cannot be the same on Fargate: said where it applies, and only there. */
import { describe, expect, it } from 'vitest';
import { type LambdaContainerSpec, validateClass, validateLambdaContainer } from '../../src/api/index.ts';
import { KINDS } from '../../src/kinds/index.ts';
import { type CarryOverTopic, carryOver, type NodeView } from '../../src/plan/index.ts';
import { CLASS_SPEC } from '../api/fixtures.ts';
import { lambdaFunction, view, world } from './worlds.ts';

function spec(over: Record<string, unknown> = {}): LambdaContainerSpec {
  const raw = { source: { functionRef: { name: 'checkout', qualifier: 'live' } }, ...over };
  const judged = validateLambdaContainer(raw, validateClass(CLASS_SPEC).spec);
  if (!judged.spec) throw new Error(JSON.stringify(judged.defects));
  return judged.spec;
}

const source = (over: Record<string, unknown> = {}) =>
  view({
    id: 'function',
    kind: 'lambda-function',
    identity: { functionName: 'checkout', qualifier: 'live' },
    observed: lambdaFunction(over),
  });
const permission = view({
  id: 'lambda-permission',
  kind: 'lambda-permission',
  identity: { functionName: 'checkout', qualifier: 'live', statementId: 'lambdacontainer-1' },
  props: { sourceArn: 'arn:group' },
});
const baseImage = view({
  id: 'base-image',
  kind: 'base-image',
  identity: { reference: 'public.ecr.aws/lambda/nodejs:22', architecture: 'x86_64' },
  observed: { digest: 'sha256:b', uri: 'public.ecr.aws/lambda/nodejs@sha256:b' },
});
const taskRole = (roleArn: string) => view({ id: 'task-role', kind: 'iam-role', identity: { roleArn } });
const SHORT = { compute: { timeout: '30s' } };
const SPLIT = { placement: { mode: 'split', split: { lambda: 50, fargate: 50 } } };

function messages(asked: LambdaContainerSpec, nodes: readonly NodeView[] = [source()]): Map<CarryOverTopic, string> {
  return new Map(carryOver(world(nodes), KINDS, asked).map(({ topic, message }) => [topic, message]));
}

describe('what is not as on Lambda', () => {
  it('of the plainest object is what is true of all on Fargate', () => {
    expect([...messages(spec(SHORT)).keys()]).toEqual(['BodyLimit', 'CallersByArn']);
  });

  const cases: {
    topic: CarryOverTopic;
    applies: [Record<string, unknown>, NodeView[]?];
    not: [Record<string, unknown>, NodeView[]?];
    says: RegExp;
  }[] = [
    {
      topic: 'Build',
      applies: [{}, [source(), baseImage]],
      not: [{}, [source()]],
      says: /laid on public\.ecr\.aws\/lambda\/nodejs:22 \(sha256:b\), composed without a daemon \(recipe composer\)/,
    },
    {
      topic: 'Build',
      applies: [{ source: { repository: { url: 'https://git.example.com/x', context: 'app' } } }, []],
      not: [{ source: { image: { uri: 'a.example.com/b:1' } } }, []],
      says: /BuildKit from app\/Dockerfile of https:\/\/git\.example\.com\/x at main, in a privileged build/,
    },
    {
      topic: 'CodeSigning',
      applies: [{}, [source({ signingProfile: 'arn:aws:signer:eu-west-1:111122223333:/signing-profiles/ci/1' })]],
      not: [{}, [source()]],
      says: /signed by arn:aws:signer:\S+\/ci\/1 and checked by Lambda.*SHA-256, in an image that is not signed$/,
    },
    {
      topic: 'CodeSigning',
      applies: [{ build: { dockerfile: 'FROM x' } }, [source({ signingProfile: 'arn:profile' })]],
      not: [{ placement: { mode: 'lambda' } }, [source({ signingProfile: 'arn:profile' })]],
      says: /spec\.build\.dockerfile can add to it what nobody has signed$/,
    },
    {
      topic: 'LambdaPermission',
      applies: [SPLIT, [source(), permission]],
      not: [{}, [source()]],
      says: /"Sid":"lambdacontainer-1".*"Action":"lambda:InvokeFunction".*"AWS:SourceArn":"arn:group"/,
    },
    {
      topic: 'RevisionSkew',
      applies: [{ source: { functionRef: { name: 'checkout' } } }],
      not: [{ source: { functionRef: { name: 'checkout', qualifier: '7' } } }],
      says: /follows \$LATEST.*spec\.source\.functionRef\.qualifier/,
    },
    {
      topic: 'BodyLimit',
      applies: [SPLIT, [source(), permission]],
      not: [{ interface: 'http', port: 3000 }],
      says: /1 MB, on both sides alike.*WebSockets/,
    },
    {
      topic: 'IdleTimeout',
      applies: [{ compute: { timeout: '5m' } }],
      not: [{ compute: { timeout: '60s' } }],
      says: /spec\.compute\.timeout asks for 5m00s/,
    },
    {
      topic: 'CallersByArn',
      applies: [{}],
      not: [{ placement: { mode: 'lambda' } }, [source(), permission]],
      says: /asynchronous invocations with their retries and destinations stay on Lambda/,
    },
    {
      topic: 'PlainEnvironment',
      applies: [{ environment: { LOG_LEVEL: 'info' } }, [source({ environment: { API_TOKEN: 'abcdef12' } })]],
      not: [{}, [source()]],
      says: /API_TOKEN, LOG_LEVEL\. These look like secrets: API_TOKEN; name them under spec\.secrets/,
    },
    {
      topic: 'Memory',
      applies: [{ compute: { processes: 2 } }, [source({ memoryMb: 512 })]],
      not: [{}, [source({ memoryMb: 512 })]],
      says: /512 MB on Lambda for each of 2 processes; a task has 512 MiB/,
    },
    {
      topic: 'TaskRole',
      applies: [{}, [source(), taskRole('arn:aws:iam::000000000000:role/other')]],
      not: [{}, [source(), taskRole('arn:aws:iam::000000000000:role/function')]],
      says: /on Fargate under arn:aws:iam::000000000000:role\/other/,
    },
    {
      topic: 'Extensions',
      applies: [{}, [source({ packageType: 'Image' })]],
      not: [{}, [source({ layers: ['arn:layer:1'] })]],
      says: /ECS does not, and the entry point of the image is left as it is/,
    },
    {
      topic: 'Concurrency',
      applies: [{ compute: { concurrency: 16 } }],
      not: [{ compute: { concurrency: 1 } }],
      says: /takes 16 invocations at once.*here they do/,
    },
  ];
  it.each(cases)('$topic is said where it applies, and not where it does not', ({ topic, applies, not, says }) => {
    expect(messages(spec(applies[0]), applies[1]).get(topic)).toMatch(says);
    expect(messages(spec(not[0]), not[1]).get(topic)).toBeUndefined();
  });

  it('an unbounded timeout is bounded by the load balancer too', () => {
    expect(messages(spec()).get('IdleTimeout')).toMatch(/asks for no bound.*4,000 s at most/);
  });

  it('never shows a value of the environment', () => {
    const said = messages(spec(), [source({ environment: { API_TOKEN: 'abcdef12' } })]);
    expect([...said.values()].join()).not.toContain('abcdef12');
  });

  it('leaves out what depends on a function that could not be read', () => {
    const said = messages(spec({ environment: { A: 'b' } }), [view({ id: 'function', kind: 'lambda-function' })]);
    expect([...said.keys()]).not.toContain('PlainEnvironment');
  });
});
