/**
 * Resource policies: who may invoke a function, a version or an alias. Each of them has a policy of its own; one for
 * the function says nothing of its aliases.
 */
import type * as lambda from '@aws-sdk/client-lambda';
import type { Handler } from '../../contract.ts';
import { validation } from './configuration.ts';
import { nothingThere } from './functions.ts';
import { conflict, type FunctionName, invalidValue, LATEST, missing, requireRevision } from './names.ts';
import type { LambdaStore, PolicyRecord, Statement } from './store.ts';

const STATEMENT_ID = /^[a-zA-Z0-9-_]{1,100}$/;
const ACTION = /^(lambda:\*|lambda:[a-zA-Z]+|\*)$/;

export function permissionOperations(store: LambdaStore): Record<string, Handler> {
  const existing = (
    name: FunctionName,
    revisionId: string | undefined,
  ): { policy: PolicyRecord | undefined; key: string } => {
    store.version(name);
    if (name.qualifier === LATEST) throw invalidValue('We currently do not support adding policies for $LATEST.');
    const key = policyKey(name);
    const policy = store.policies.get(key);
    if (revisionId !== undefined) requireRevision(revisionId, policy?.revisionId ?? store.version(name).revisionId);
    return { policy, key };
  };

  return {
    AddPermission: (input: lambda.AddPermissionRequest): lambda.AddPermissionResponse => {
      const name = store.name(input.FunctionName, input.Qualifier);
      const { policy, key } = existing(name, input.RevisionId);
      const statement = statementOf(input, store.arn(name));
      if (policy?.statements.some(({ Sid }) => Sid === statement.Sid)) {
        throw conflict(
          `The statement id (${statement.Sid}) provided already exists. Please provide a new statement id, or remove the existing statement.`,
        );
      }
      store.policies.set(key, { revisionId: store.revision(), statements: [...(policy?.statements ?? []), statement] });
      return { Statement: JSON.stringify(statement) };
    },

    RemovePermission: (input: lambda.RemovePermissionRequest): object => {
      const name = store.name(input.FunctionName, input.Qualifier);
      const { policy, key } = existing(name, input.RevisionId);
      if (!policy) throw missing('No policy is associated with the given resource.');
      const statements = policy.statements.filter(({ Sid }) => Sid !== input.StatementId);
      if (statements.length === policy.statements.length) {
        throw missing(`Statement ${input.StatementId} is not found in resource policy.`);
      }
      if (statements.length === 0) store.policies.delete(key);
      else store.policies.set(key, { revisionId: store.revision(), statements });
      return {};
    },

    GetPolicy: (input: lambda.GetPolicyRequest): lambda.GetPolicyResponse => {
      const name = store.name(input.FunctionName, input.Qualifier);
      store.version(name);
      const policy = store.policies.get(policyKey(name));
      if (!policy) throw nothingThere();
      const document = { Version: '2012-10-17', Id: 'default', Statement: policy.statements };
      return { Policy: JSON.stringify(document), RevisionId: policy.revisionId };
    },
  };
}

/** Whether the function's policy lets a service invoke it on behalf of `sourceArn`. */
export function allows(store: LambdaStore, name: FunctionName, principal: string, sourceArn: string): boolean {
  const policy = store.policies.get(policyKey(name));
  return policy?.statements.some((statement) => matches(statement, principal, sourceArn)) ?? false;
}

function policyKey({ name, qualifier }: FunctionName): string {
  return qualifier === undefined ? name : `${name}:${qualifier}`;
}

function statementOf(input: lambda.AddPermissionRequest, resource: string): Statement {
  const {
    StatementId = '',
    Action = '',
    Principal = '',
    SourceArn,
    SourceAccount,
    EventSourceToken,
    PrincipalOrgID,
  } = input;
  if (!STATEMENT_ID.test(StatementId))
    throw validation('statementId', StatementId, 'Member must satisfy regular expression pattern: ([a-zA-Z0-9-_]+)');
  if (!ACTION.test(Action))
    throw validation(
      'action',
      Action,
      'Member must satisfy regular expression pattern: (lambda:[*]|lambda:[a-zA-Z]+|[*])',
    );
  if (input.FunctionUrlAuthType !== undefined || input.InvokedViaFunctionUrl !== undefined) {
    throw invalidValue("The local cloud's Lambda does not support function URLs.");
  }
  const equal = {
    ...(SourceAccount === undefined ? {} : { 'AWS:SourceAccount': SourceAccount }),
    ...(EventSourceToken === undefined ? {} : { 'lambda:EventSourceToken': EventSourceToken }),
    ...(PrincipalOrgID === undefined ? {} : { 'aws:PrincipalOrgID': PrincipalOrgID }),
  };
  const condition = {
    ...(Object.keys(equal).length === 0 ? {} : { StringEquals: equal }),
    ...(SourceArn === undefined ? {} : { ArnLike: { 'AWS:SourceArn': SourceArn } }),
  };
  return {
    Sid: StatementId,
    Effect: 'Allow',
    Principal: principalOf(Principal),
    Action,
    Resource: resource,
    ...(Object.keys(condition).length === 0 ? {} : { Condition: condition }),
  };
}

function principalOf(principal: string): Statement['Principal'] {
  if (principal === '*') return '*';
  if (/^\d{12}$/.test(principal)) return { AWS: `arn:aws:iam::${principal}:root` };
  if (principal.startsWith('arn:')) return { AWS: principal };
  if (/^[a-z0-9-]+(\.[a-z0-9-]+)+$/.test(principal)) return { Service: principal };
  throw invalidValue('The provided principal was invalid. Please check the principal and try again.');
}

function matches(statement: Statement, principal: string, sourceArn: string): boolean {
  if (!['lambda:InvokeFunction', 'lambda:*', '*'].includes(statement.Action)) return false;
  const { Principal, Condition } = statement;
  if (Principal !== '*' && (typeof Principal === 'string' || Principal.Service !== principal)) return false;
  const { 'AWS:SourceAccount': account, ...others } = Condition?.StringEquals ?? {};
  // Tokens and organisations cannot be known here: what depends on them does not allow.
  if (Object.keys(others).length > 0 || (account !== undefined && account !== sourceArn.split(':')[4])) return false;
  const pattern = Condition?.ArnLike?.['AWS:SourceArn'];
  return pattern === undefined || arnLike(pattern, sourceArn);
}

/** `*` and `?` within each of the ARN's six parts. */
function arnLike(pattern: string, arn: string): boolean {
  const [wanted, actual] = [parts(pattern), parts(arn)];
  return wanted.every((part, index) => like(part, actual[index] ?? ''));
}

function parts(arn: string): string[] {
  const all = arn.split(':');
  return [...all.slice(0, 5), all.slice(5).join(':')];
}

function like(pattern: string, text: string): boolean {
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${source}$`).test(text);
}
