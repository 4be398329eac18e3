/**
 * Inline policies of roles and users, and the managed ones attached to them: the same operations for both, under the
 * names of their kind. What the policies say is evaluated elsewhere.
 */
import { AwsError, type Collection, type Handler } from '../../contract.ts';
import {
  checkedDocument,
  checkName,
  type Entity,
  limitExceeded,
  missing,
  type StoredPolicy,
  sizeOf,
  urlEncoded,
} from './records.ts';

/** https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html */
const INLINE_MAX = { Role: 10_240, User: 2_048 } as const;
const ATTACHED_MAX = 10;

interface Input {
  readonly RoleName?: string;
  readonly UserName?: string;
  readonly PolicyName?: string;
  readonly PolicyDocument?: string;
  readonly PolicyArn?: string;
}

/** @param get throws when the entity is not there */
export function attachmentOperations<T extends Entity>(
  kind: 'Role' | 'User',
  entities: Collection<T>,
  get: (name: string | undefined) => T,
  policies: Collection<StoredPolicy>,
): Record<string, Handler> {
  const nameOf = (input: Input) => (kind === 'Role' ? input.RoleName : input.UserName);
  const keep = (entity: T, change: Partial<Entity>) => {
    entities.set(entity.name, { ...entity, ...change });
    return {};
  };
  const inlineOf = (entity: T, name = '') => {
    const document = entity.inline?.[name];
    if (document === undefined) throw missing(`The ${kind.toLowerCase()} policy with name ${name} cannot be found.`);
    return document;
  };

  return {
    [`Put${kind}Policy`]: (input: Input) => {
      const entity = get(nameOf(input));
      const name = input.PolicyName ?? '';
      checkName('policyName', name, 128);
      const inline = { ...entity.inline, [name]: checkedDocument(input.PolicyDocument ?? '', 'identity') };
      const sizeMax = INLINE_MAX[kind];
      if (sizeOf(Object.values(inline)) > sizeMax) {
        throw new AwsError(
          'LimitExceeded',
          `Maximum policy size of ${sizeMax} bytes exceeded for ${kind.toLowerCase()} ${entity.name}`,
          409,
        );
      }
      return keep(entity, { inline });
    },
    [`Get${kind}Policy`]: (input: Input) => {
      const entity = get(nameOf(input));
      const document = inlineOf(entity, input.PolicyName);
      return {
        [`${kind}Name`]: entity.name,
        PolicyName: input.PolicyName,
        PolicyDocument: urlEncoded(document),
      };
    },
    [`Delete${kind}Policy`]: (input: Input) => {
      const entity = get(nameOf(input));
      inlineOf(entity, input.PolicyName);
      const { [input.PolicyName ?? '']: _gone, ...inline } = entity.inline ?? {};
      return keep(entity, { inline });
    },
    [`List${kind}Policies`]: (input: Input) => ({
      PolicyNames: Object.keys(get(nameOf(input)).inline ?? {}).sort(),
      IsTruncated: false,
    }),
    [`Attach${kind}Policy`]: (input: Input) => {
      const entity = get(nameOf(input));
      const arn = input.PolicyArn ?? '';
      if (!policies.has(arn)) throw missing(`Policy ${arn} does not exist or is not attachable.`);
      const attached = [...new Set([...(entity.attached ?? []), arn])];
      if (attached.length > ATTACHED_MAX) throw limitExceeded(`PoliciesPer${kind}: ${ATTACHED_MAX}`);
      return keep(entity, { attached });
    },
    [`Detach${kind}Policy`]: (input: Input) => {
      const entity = get(nameOf(input));
      const arn = input.PolicyArn ?? '';
      if (!entity.attached?.includes(arn)) throw missing(`Policy ${arn} was not found.`);
      return keep(entity, { attached: entity.attached.filter((other) => other !== arn) });
    },
    [`ListAttached${kind}Policies`]: (input: Input) => ({
      AttachedPolicies: (get(nameOf(input)).attached ?? []).map((PolicyArn) => ({
        PolicyArn,
        PolicyName: policies.get(PolicyArn)?.name,
      })),
      IsTruncated: false,
    }),
  };
}

/** @throws AwsError DeleteConflict while policies are on it */
export function requireBare({ inline = {}, attached = [] }: Entity): void {
  if (attached.length > 0) throw conflict('Cannot delete entity, must detach all policies first.');
  if (Object.keys(inline).length > 0) throw conflict('Cannot delete entity, must delete policies first.');
}

export function conflict(message: string): AwsError {
  return new AwsError('DeleteConflict', message, 409);
}
