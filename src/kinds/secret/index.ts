/**
 * A secret of the user's in Secrets Manager, as one staging label shows it: which version has the label now. Read only,
 * and never its value: ECS reads that when a task starts, under the execution role. A task keeps what it was started
 * with, so another version means other tasks.
 * https://docs.aws.amazon.com/AmazonECS/latest/developerguide/secrets-envvar-secrets-manager.html
 */
import { onCalls, READY, type ResourceKind, readOnly, text, unlessAbsent } from '../../resource/index.ts';

/**
 * Identity: `secretArn` as the spec has it, `stage` (a staging label), and `name`, the ARN's without the six characters at
 * its end: many calls name a secret so.
 */
export type SecretProps = Readonly<Record<string, never>>;

export interface SecretObserved {
  readonly arn: string;
  /** Null when no version has the label. */
  readonly versionId: string | null;
  readonly stage: string;
  /** It waits for its end: nobody can read it. */
  readonly isDeleted: boolean;
}

export const secret: ResourceKind<SecretProps, SecretObserved> = {
  ...readOnly('secret'),
  name: 'secret',
  permissions: [
    {
      actions: ['secretsmanager:DescribeSecret'],
      resources: ['arn:aws:secretsmanager:*:*:secret:*'],
      because: 'sees which version of a secret tasks are to have; its value is not read',
    },
  ],

  async observe(io, identity, call) {
    const { secretArn = '', stage = '' } = identity;
    const answer = await unlessAbsent(io.aws.secretsmanager.describeSecret({ SecretId: secretArn }, call));
    if (!answer) return undefined;
    const labelled = Object.entries(answer.VersionIdsToStages ?? {}).find(([, stages]) => stages.includes(stage));
    return {
      arn: answer.ARN ?? secretArn,
      versionId: labelled?.[0] ?? null,
      stage,
      isDeleted: answer.DeletedDate !== undefined,
    };
  },

  readiness({ arn, versionId, stage, isDeleted }) {
    if (isDeleted) {
      return {
        state: 'failed',
        reason: 'SecretDeleted',
        message: `${arn} is marked for deletion: no task can start with it. Restore it, or name another under spec.secrets`,
      };
    }
    if (versionId === null) {
      return {
        state: 'failed',
        reason: 'SecretVersionMissing',
        message: `no version of ${arn} has the label ${stage}: no task can start with it. Put a value under that label, or name another under spec.secrets`,
      };
    }
    return READY;
  },

  outputs: ({ arn, versionId }) => ({ arn, versionId }),

  // ListSecrets shows everybody's, and would need to be allowed on all of them: the few that are used are read one by one.
  rotating: { SecretVersionDrift: ({ versionId }) => versionId, SecretDeletionDrift: ({ isDeleted }) => isDeleted },

  // A rotation ends with the label's move, which the rotating function calls. By name or ARN, as whoever called wrote it.
  // https://docs.aws.amazon.com/secretsmanager/latest/userguide/cloudtrail_log_entries.html
  events: [
    onCalls(
      'secretsmanager',
      ['PutSecretValue', 'UpdateSecret', 'UpdateSecretVersionStage', 'RotateSecret', 'DeleteSecret', 'RestoreSecret'],
      ({ secretId }) => [text(secretId), secretNameOf(text(secretId))],
    ),
  ],
};

/** Of an ARN, whole or without its end, or of a name. Two secrets of one such name cost a look that finds nothing. */
export function secretNameOf(arnOrName: string): string {
  if (!arnOrName.startsWith('arn:')) return arnOrName;
  return arnOrName.replace(/^.*:secret:/, '').replace(/-[A-Za-z0-9]{6}$/, '');
}
