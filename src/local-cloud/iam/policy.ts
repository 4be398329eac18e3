/**
 * Policy documents, read once: the grammar that IAM enforces when a policy is put, and statements in the form in which
 * they are evaluated. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
 */
import { type Condition, parseOperator } from './conditions.ts';

/** Where a policy is attached: an identity names no principal, a resource's policy must, a role's trust has no resource. */
export type PolicyKind = 'identity' | 'resource' | 'trust';

/** A list, or everything but what is listed. */
export interface Listed {
  readonly not: boolean;
  readonly patterns: readonly string[];
}

/** By type: `AWS`, `Service`, `Federated`, `CanonicalUser`; `*` alone is everybody. */
export interface Principals {
  readonly not: boolean;
  readonly everybody: boolean;
  readonly named: Readonly<Record<string, readonly string[]>>;
}

export interface Statement {
  /** Its Sid, or its place: `#2`. */
  readonly sid: string;
  readonly effect: 'Allow' | 'Deny';
  readonly actions: Listed;
  /** Undefined in trust policies, where it is the role itself. */
  readonly resources: Listed | undefined;
  readonly principals: Principals | undefined;
  readonly conditions: readonly Condition[];
}

export interface Policy {
  /** Policy variables are known since this version; in older ones `${…}` is plain text. */
  readonly version: '2012-10-17' | '2008-10-17';
  readonly statements: readonly Statement[];
}

/** What is wrong with a document, in IAM's words. */
export class PolicyDefect extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'PolicyDefect';
  }
}

const MEMBERS = [
  'Sid',
  'Effect',
  'Action',
  'NotAction',
  'Resource',
  'NotResource',
  'Principal',
  'NotPrincipal',
  'Condition',
] as const;
const PRINCIPAL_TYPES = ['AWS', 'Service', 'Federated', 'CanonicalUser'];

/** @throws PolicyDefect when IAM would refuse the document */
export function parsePolicy(text: string, kind: PolicyKind): Policy {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    throw new PolicyDefect('This policy contains invalid Json');
  }
  if (!isObject(document)) throw new PolicyDefect('Syntax errors in policy.');
  const { Version = '2008-10-17', Statement } = document;
  if (Version !== '2012-10-17' && Version !== '2008-10-17') throw new PolicyDefect('Syntax errors in policy.');
  const written = Array.isArray(Statement) ? Statement : Statement === undefined ? [] : [Statement];
  if (written.length === 0) throw new PolicyDefect('Syntax errors in policy.');
  const statements = written.map((one, index) => statementOf(one, index, kind));
  const ids = statements.map(({ sid }) => sid);
  if (new Set(ids).size !== ids.length)
    throw new PolicyDefect('Statement IDs (SID) in a single policy must be unique.');
  return { version: Version, statements };
}

function statementOf(written: unknown, index: number, kind: PolicyKind): Statement {
  if (!isObject(written)) throw new PolicyDefect('Syntax errors in policy.');
  if (Object.keys(written).some((member) => !MEMBERS.includes(member as (typeof MEMBERS)[number]))) {
    throw new PolicyDefect('Syntax errors in policy.');
  }
  const { Sid, Effect, Condition } = written;
  if (Effect !== 'Allow' && Effect !== 'Deny') throw new PolicyDefect(`Invalid effect: ${String(Effect)}`);
  if (kind === 'identity' && Sid !== undefined && !/^[A-Za-z0-9]*$/.test(String(Sid))) {
    throw new PolicyDefect(
      'Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*',
    );
  }
  return {
    sid: typeof Sid === 'string' && Sid !== '' ? Sid : `#${index + 1}`,
    effect: Effect,
    actions: actionsOf(written, kind),
    resources: resourcesOf(written, kind),
    principals: principalsOf(written, kind),
    conditions: conditionsOf(Condition),
  };
}

function actionsOf(written: Record<string, unknown>, kind: PolicyKind): Listed {
  const actions = listed(written, 'Action', 'NotAction');
  if (!actions || actions.patterns.length === 0) throw new PolicyDefect('Missing required field Action');
  for (const action of actions.patterns) {
    if (kind === 'trust' && !/^sts:/i.test(action)) {
      throw new PolicyDefect('AssumeRole policy may only specify STS AssumeRole actions.');
    }
    if (action !== '*' && !/^[a-zA-Z0-9-]+:[a-zA-Z*?]+$/.test(action)) {
      throw new PolicyDefect('Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.');
    }
  }
  return actions;
}

function resourcesOf(written: Record<string, unknown>, kind: PolicyKind): Listed | undefined {
  if (kind === 'trust') {
    if ('Resource' in written || 'NotResource' in written) throw new PolicyDefect('Has prohibited field Resource');
    return undefined;
  }
  const resources = listed(written, 'Resource', 'NotResource');
  // The policy of a queue or a function may leave it out; it speaks of what it is attached to.
  if (!resources && kind === 'resource') return undefined;
  if (!resources || resources.patterns.length === 0) throw new PolicyDefect('Policy statement must contain resources.');
  for (const resource of resources.patterns) {
    if (kind === 'identity' && resource !== '*' && resource.split(':').length < 6) {
      throw new PolicyDefect(`Resource ${resource} must be in ARN format or "*".`);
    }
  }
  return resources;
}

function principalsOf(written: Record<string, unknown>, kind: PolicyKind): Principals | undefined {
  const not = 'NotPrincipal' in written;
  const principal = written.Principal ?? written.NotPrincipal;
  if (kind === 'identity') {
    if (principal !== undefined) throw new PolicyDefect('Policy document should not specify a principal.');
    return undefined;
  }
  if (principal === undefined) throw new PolicyDefect('Missing required field Principal');
  if (principal === '*') return { not, everybody: true, named: {} };
  if (!isObject(principal)) throw new PolicyDefect('Invalid principal in policy');
  const named: Record<string, readonly string[]> = {};
  for (const [type, names] of Object.entries(principal)) {
    if (!PRINCIPAL_TYPES.includes(type)) throw new PolicyDefect(`Invalid principal in policy: "${type}"`);
    named[type] = texts(names);
  }
  return { not, everybody: named.AWS?.includes('*') ?? false, named };
}

function conditionsOf(written: unknown): Condition[] {
  if (written === undefined) return [];
  if (!isObject(written)) throw new PolicyDefect('Syntax errors in policy.');
  return Object.entries(written).flatMap(([name, keys]) => {
    const operator = parseOperator(name);
    if (!operator) throw new PolicyDefect(`Invalid Condition type : ${name}.`);
    if (!isObject(keys)) throw new PolicyDefect('Syntax errors in policy.');
    return Object.entries(keys).map(([key, values]) => ({
      ...operator,
      key: key.toLowerCase(),
      wanted: texts(values),
    }));
  });
}

function listed(written: Record<string, unknown>, member: string, opposite: string): Listed | undefined {
  if (member in written && opposite in written) throw new PolicyDefect('Syntax errors in policy.');
  const not = opposite in written;
  const value = not ? written[opposite] : written[member];
  return value === undefined ? undefined : { not, patterns: texts(value) };
}

/** Numbers and booleans are written without quotes, too. */
function texts(value: unknown): string[] {
  const list = Array.isArray(value) ? value : [value];
  return list.map((one) => {
    if (typeof one !== 'string' && typeof one !== 'number' && typeof one !== 'boolean') {
      throw new PolicyDefect('Syntax errors in policy.');
    }
    return String(one);
  });
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
