/**
 * The secrets that containers name under `secrets`: what RegisterTaskDefinition accepts of them, and their values at a
 * task's start. A value goes from here into the launch of its container and nowhere else: no record, event or answer has
 * it. Secrets Manager alone; parameters of SSM are refused by name.
 * https://docs.aws.amazon.com/AmazonECS/latest/developerguide/secrets-envvar-secrets-manager.html
 */
import type { ContainerDefinition, Secret } from '@aws-sdk/client-ecs';
import type { GetSecretValueCommandInput } from '@aws-sdk/client-secrets-manager';
import { AwsError, type SecretReader } from '../../contract.ts';
import { clientError } from './model.ts';

export interface TaskSecrets extends SecretReader {
  /** Whether ECS may assume the role. */
  assumable(roleArn: string): boolean;
}

/** Values by container, then by variable. */
export type SecretValues = ReadonlyMap<string, Readonly<Record<string, string>>>;

export type Retrieved =
  | { readonly values: SecretValues; readonly defect?: undefined }
  /** Why the task does not start, in the words of its `stoppedReason`. */
  | { readonly defect: string; readonly values?: undefined };

const SECRETS_MANAGER = /^arn:aws[a-z-]*:secretsmanager:/;
const PREFIX =
  'ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed:';
const RETRIED = 'service call has been retried 1 time(s)';

/** The secrets of one container as they are kept. @throws AwsError ClientException */
export function parseSecrets(container: ContainerDefinition, executionRoleArn: string | undefined): Secret[] {
  const secrets = container.secrets ?? [];
  if (secrets.length > 0 && !executionRoleArn) {
    throw clientError(
      "When you are specifying container secrets, you must also specify a value for 'executionRoleArn'.",
    );
  }
  const names = [...(container.environment ?? []), ...secrets].map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (secrets.length > 0 && twice !== undefined) {
    throw clientError(
      `The secret name must be unique and not shared with any new or existing environment variables set on the container, such as '${twice}'.`,
    );
  }
  for (const { name, valueFrom } of secrets) {
    if (!name || !valueFrom) throw clientError('Secret name and valueFrom must not be null or empty.');
    if (!SECRETS_MANAGER.test(valueFrom)) {
      throw clientError(
        `Container.secrets from SSM parameters ('${valueFrom}' of '${name}') is not supported by the local cloud`,
      );
    }
  }
  return secrets.map(({ name, valueFrom }) => ({ name, valueFrom }));
}

/** The values of all containers, read anew by each task; the first that cannot be had is the defect. */
export function retrieveSecrets(
  containers: readonly ContainerDefinition[],
  role: { readonly arn: string | undefined; readonly session: string },
  source: TaskSecrets | undefined,
  nowMs: number,
  requestId: () => string,
): Retrieved {
  const values = new Map<string, Readonly<Record<string, string>>>();
  const wanted = containers.filter(({ secrets }) => secrets !== undefined && secrets.length > 0);
  if (wanted.length === 0) return { values };
  const { arn = '', session } = role;
  if (!source?.assumable(arn)) {
    return {
      defect: `ECS was unable to assume the role '${arn}' that was provided for this task. Please verify that the role being passed has the proper trust relationship and permissions and that your IAM user has permissions to pass this role.`,
    };
  }
  const read = new Map<string, string>();
  for (const { name: container = '', secrets = [] } of wanted) {
    const own: Record<string, string> = {};
    for (const { name = '', valueFrom = '' } of secrets) {
      const asked = askedBy(valueFrom);
      if (!asked) {
        return {
          defect: `${PREFIX} an invalid ARN format for the AWS Secrets Manager secret was specified. Specify a valid ARN and try again.`,
        };
      }
      const key = JSON.stringify(asked.input);
      try {
        const text = read.get(key) ?? source.read(arn, session, asked.input, nowMs).SecretString ?? '';
        read.set(key, text);
        own[name] = asked.jsonKey === '' ? text : memberOf(text, asked.jsonKey);
      } catch (error) {
        if (error instanceof NotUsable) {
          return { defect: `${PREFIX} unable to retrieve secret from asm: ${RETRIED}: ${error.message}` };
        }
        if (!(error instanceof AwsError)) throw error;
        return {
          defect: `${PREFIX} unable to retrieve secret from asm: ${RETRIED}: failed to fetch secret ${asked.input.SecretId} from secrets manager: ${error.code}: ${error.message} status code: ${error.statusCode}, request id: ${requestId()}`,
        };
      }
    }
    values.set(container, own);
  }
  return { values };
}

/** What ECS's agent says of a value that was read and cannot be used. */
class NotUsable extends Error {}

/** `arn:…:secret:name` or `arn:…:secret:name:json-key:version-stage:version-id`, each part possibly empty; nothing between. */
function askedBy(valueFrom: string): { input: GetSecretValueCommandInput; jsonKey: string } | undefined {
  const [arn, partition, service, region, account, type, name, ...parts] = valueFrom.split(':');
  if (type !== 'secret' || !name || (parts.length !== 0 && parts.length !== 3)) return undefined;
  const [jsonKey = '', VersionStage, VersionId] = parts;
  return {
    input: {
      SecretId: [arn, partition, service, region, account, type, name].join(':'),
      ...(VersionStage ? { VersionStage } : {}),
      ...(VersionId ? { VersionId } : {}),
    },
    jsonKey,
  };
}

/** As the agent does: https://github.com/aws/amazon-ecs-agent/blob/master/ecs-agent/asm/asm.go */
function memberOf(text: string, key: string): string {
  const content = parsed(text);
  if (typeof content !== 'object' || content === null || Array.isArray(content)) {
    throw new NotUsable('json: cannot unmarshal the secret into Go value of type map[string]interface {}');
  }
  if (!Object.hasOwn(content, key)) {
    throw new NotUsable(`retrieved secret from Secrets Manager did not contain json key ${key}`);
  }
  const value = (content as Readonly<Record<string, unknown>>)[key];
  if (typeof value === 'string') return value;
  if (typeof value === 'boolean') return String(value);
  if (typeof value === 'number') return goNumber(value);
  // The agent would hand on Go's notation of it, which nobody can mean.
  throw new NotUsable(`the local cloud hands on no nested or empty value: json key ${key} is one`);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The parser's own words may quote the secret.
    throw new NotUsable('invalid character looking for beginning of value');
  }
}

/** `%v` of a float64: Go writes exponents, of two digits, from a million on and below a ten-thousandth. */
function goNumber(value: number): string {
  const [digits = '', exponent = '0'] = value.toExponential().split('e');
  const power = Number(exponent);
  if (power >= -4 && power < 6) return String(value);
  return `${digits}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`;
}
