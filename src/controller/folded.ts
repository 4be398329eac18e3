/**
 * A value that is kept deflated, because nearly all of a fleet is settled and asked for nothing. The few values that were
 * written or read last stay as they are besides: a pass reads what the pass before it wrote, several times. Values are
 * JSON and not to be changed by anybody, as their types say.
 */
import { deflateRawSync, inflateRawSync } from 'node:zlib';

/** As many as the workers of a daemon have in hand at once: two or three of each object. */
const RECENT_MAX = 64;

/** Those that are not deflated now, the one that was used longest ago first. */
const recent = new Set<Folded<unknown>>();

export class Folded<T> {
  #value: T | undefined;
  /** A text, because bytes of their own would each cost a few hundred more. */
  #text: string | undefined;

  constructor(value: T) {
    this.#value = value;
    this.#keep();
  }

  get value(): T {
    this.#value ??= unfold<T>(this.#text ?? '');
    this.#keep();
    return this.#value;
  }

  /** It was replaced: it is not worth being folded. */
  drop(): void {
    recent.delete(this);
  }

  #keep(): void {
    recent.delete(this);
    recent.add(this);
    if (recent.size <= RECENT_MAX) return;
    for (const oldest of recent) {
      recent.delete(oldest);
      oldest.#fold();
      return;
    }
  }

  #fold(): void {
    this.#text ??= fold(this.#value);
    this.#value = undefined;
  }
}

/** What nearly all texts of one kind have in common is told once, not in each of them. */
const DICTIONARY = Buffer.from(
  [
    '"lastTransitionTime":"202","observedGeneration":1},{"type":"Stalled","status":"False","reason":"Settled","message":""',
    '{"type":"ServiceStable","status":"True","reason":"Settled","message":"as desired","SourceResolved","ImageBuilt",',
    '"TrafficShifted","ScalingApplied","FunctionReady","Reconciling","Drifted","AsDesired",',
    '"message":"everything desired is observed and serving"},{"kind":"scaling-policy","createdByUs":true,"arn":"arn:aws:',
    'elasticloadbalancing:us-east-1:listener-rule/app/listener/app/targetgroup/arn:aws:ecs:arn:aws:iam:role/task-role',
    '"lambda-permission","lambda-target","target-group/lambda","ecr-repository","repository","codebuild-project",',
    '"build-project","image-build","image","base-image","iam-role","log-group","task-definition","target-health",',
    '"ip-health","rule-weights","weights","scalable-target","service/","policy/","reference":"public.ecr.aws/lambda/',
    '"architecture":"x86_64","repositoryName":"lambdacontainer/","tag":"v1-","projectName":"lambdacontainer-standard"',
    '"logGroupName":"/lambdacontainer/","family":"lc-","hash":"v1-","cluster":"lambdacontainer","serviceName":"lc-',
    '"resourceId":"service/lambdacontainer/lc-","roleArn":"arn:aws:iam::","functionName":"qualifier":"","ruleArn":"',
    '{"nodeId":"function","kind":"lambda-function","identity":{"listenerArn":"arn:aws:elasticloadbalancing:","priority":"',
    '"targetGroupName":"lc-","targetGroupArn":"arn:aws:elasticloadbalancing:"},"place":{"scope":"","name":"},"swept":"',
    '"rotating":"},{"nodeId":"rule","kind":"listener-rule","nodeId":"target-group/ip","kind":"target-group",',
    '"nodeId":"service","kind":"ecs-service","identity":{},"shared":false,"capacity":false,"dependsOn":[],"propsHash":"q1',
    '","actedAtMs":17,"seen":true},',
  ].join(''),
);

function fold(value: unknown): string {
  return deflateRawSync(JSON.stringify(value), { dictionary: DICTIONARY, level: 6, memLevel: 6 }).toString('latin1');
}

function unfold<T>(text: string): T {
  const inflated = inflateRawSync(Buffer.from(text, 'latin1'), { dictionary: DICTIONARY });
  return JSON.parse(inflated.toString('utf8')) as T;
}
