/**
 * What a build finds in its environment: plain values, and the secrets that CodeBuild reads for it as its service role.
 * A value goes from here into the launch of its build and nowhere else: no record, event or answer has it. Whole secrets
 * alone; a member of one is refused by name.
 * https://docs.aws.amazon.com/codebuild/latest/APIReference/API_EnvironmentVariable.html
 */
import { AwsError, type SecretReader } from '../../contract.ts';
import type { BuildRecord } from './build-record.ts';

export type BuildVariables =
  | { readonly values: Readonly<Record<string, string>>; readonly defect?: undefined }
  /** Why the build does not begin. */
  | { readonly defect: string };

/** A name, or an ARN: colons that follow would name a member or a version. */
const WHOLE_SECRET = /^(arn:[^:]+:secretsmanager:[^:]*:[^:]*:secret:)?[^:]+$/;

export function environmentOfBuild(
  { environment, serviceRole, id }: Pick<BuildRecord, 'environment' | 'serviceRole' | 'id'>,
  secrets: SecretReader | undefined,
  nowMs: number,
): BuildVariables {
  const values: Record<string, string> = {};
  for (const { name = '', value = '', type } of environment.environmentVariables ?? []) {
    if (type !== 'SECRETS_MANAGER') {
      values[name] = value;
      continue;
    }
    if (!secrets || !WHOLE_SECRET.test(value)) {
      return { defect: `the local cloud hands on whole secrets alone, and '${value}' is none` };
    }
    try {
      const session = `AWSCodeBuild-${id.slice(id.indexOf(':') + 1)}`;
      values[name] = secrets.read(serviceRole, session, { SecretId: value }, nowMs).SecretString ?? '';
    } catch (error) {
      if (!(error instanceof AwsError)) throw error;
      return { defect: `${error.code}: ${error.message}` };
    }
  }
  return { values };
}
