/**
 * The one statement in a function's resource policy that lets the load balancer invoke it for one target group. It owns
 * that statement, known by its id; the rest of the policy and the function are the user's.
 */
import type { Call } from '../../aws/index.ts';
import {
  changeOf,
  type Identity,
  type Io,
  onCalls,
  READY,
  type ResourceKind,
  text,
  unlessAbsent,
  unlessGone,
} from '../../resource/index.ts';

/** Identity: `functionName`, `qualifier` (empty for the unqualified function) and `statementId`. */
export interface LambdaPermissionProps {
  /** The target group. */
  readonly sourceArn: string;
}

export interface LambdaPermissionObserved {
  readonly effect: string;
  readonly principal: string;
  readonly action: string;
  readonly sourceArn: string | null;
}

const PRINCIPAL = 'elasticloadbalancing.amazonaws.com';
const ACTION = 'lambda:InvokeFunction';

export const lambdaPermission: ResourceKind<LambdaPermissionProps, LambdaPermissionObserved> = {
  name: 'lambda-permission',
  permissions: [
    {
      actions: ['lambda:GetPolicy'],
      resources: ['arn:aws:lambda:*:*:function:*'],
      because: 'reads whether the load balancer may invoke the function',
    },
    {
      actions: ['lambda:AddPermission', 'lambda:RemovePermission'],
      resources: ['arn:aws:lambda:*:*:function:*'],
      // Whatever goes wrong, nobody but load balancers is let in or shut out.
      when: { StringEquals: { 'lambda:Principal': PRINCIPAL } },
      because: 'lets the load balancer invoke the function for its own target group; touches only its own statement',
    },
  ],
  calls: {
    create: ['lambda AddPermission'],
    update: ['lambda RemovePermission', 'lambda AddPermission'],
    delete: ['lambda RemovePermission'],
    release: [],
  },

  async observe(io, identity, call) {
    // A function without any policy answers as one that does not exist does.
    const answer = await unlessAbsent(io.aws.lambda.getPolicy(functionOf(identity), call));
    const policy = JSON.parse(answer?.Policy ?? '{}') as { Statement?: Statement[] };
    const statement = policy.Statement?.find(({ Sid }) => Sid === identity.statementId);
    return statement && observed(statement);
  },

  // A statement cannot carry tags: its id is derived from the object.
  tags: () => undefined,
  readiness: () => READY,
  outputs: () => ({}),

  diff: (desired, observed) => [
    ...changeOf('effect', 'Allow', observed.effect, 'PermissionDrift'),
    ...changeOf('principal', PRINCIPAL, observed.principal, 'PermissionDrift'),
    ...changeOf('action', ACTION, observed.action, 'PermissionDrift'),
    ...changeOf('sourceArn', desired.sourceArn, observed.sourceArn, 'PermissionDrift'),
  ],

  create: add,

  async update(io, identity, desired, _observed, changes, call) {
    if (changes.length === 0) return;
    // Lambda refuses a statement id that is taken.
    await remove(io, identity, call);
    await add(io, identity, desired, call);
  },

  delete: (io, identity, _observed, call) => remove(io, identity, call),

  // It carries no mark of ours.
  release: async () => {},

  // Policies are read one function at a time. Everything that is observed of the statement is compared.
  rotating: { PermissionDrift: (observed) => observed },

  // https://docs.aws.amazon.com/lambda/latest/dg/logging-using-cloudtrail.html lists the names under which calls appear.
  events: [
    onCalls('lambda', ['AddPermission20150331v2', 'RemovePermission20150331v2'], ({ statementId }) => [
      text(statementId),
    ]),
  ],
};

async function add(io: Io, identity: Identity, desired: LambdaPermissionProps, call: Call): Promise<void> {
  await io.aws.lambda.addPermission(
    {
      ...functionOf(identity),
      StatementId: identity.statementId,
      Action: ACTION,
      Principal: PRINCIPAL,
      SourceArn: desired.sourceArn,
    },
    call,
  );
}

function remove(io: Io, identity: Identity, call: Call): Promise<void> {
  return unlessGone(
    io.aws.lambda.removePermission({ ...functionOf(identity), StatementId: identity.statementId }, call),
  );
}

function functionOf({ functionName, qualifier }: Identity) {
  return { FunctionName: functionName, ...(qualifier ? { Qualifier: qualifier } : {}) };
}

interface Statement {
  Sid?: string;
  Effect?: string;
  Principal?: string | { Service?: string; AWS?: string };
  Action?: string;
  Condition?: Record<string, Record<string, string>>;
}

function observed({ Effect, Principal, Action, Condition }: Statement): LambdaPermissionObserved {
  const who = typeof Principal === 'string' ? Principal : (Principal?.Service ?? Principal?.AWS ?? '');
  // AddPermission with a SourceArn writes {"ArnLike": {"AWS:SourceArn": …}}.
  const source = Object.entries(Condition?.ArnLike ?? {}).find(([key]) => key.toLowerCase() === 'aws:sourcearn');
  return { effect: Effect ?? '', principal: who, action: Action ?? '', sourceArn: source?.[1] ?? null };
}
