/** What to try once something is served: each line is a command that works as printed. */
import type { LambdaContainerStatus } from '../../api/index.ts';
import type { ObjectKey } from '../../resource/index.ts';

export interface NextStepsInput {
  readonly key: ObjectKey;
  readonly functionName: string;
  readonly status: LambdaContainerStatus;
  readonly awsEndpoint: string;
  readonly region: string;
  readonly desiredTable: string;
  /** The `aws` command is on this machine. */
  readonly hasAwsCli: boolean;
  /** How this program is called, e.g. `npx lc`. */
  readonly program: string;
  /** Named in the commands when it is not where they look by themselves. */
  readonly dataDir: string | undefined;
}

interface Call {
  readonly service: string;
  readonly target: string;
  readonly version: '1.0' | '1.1';
  readonly cli: string;
  readonly input: object;
}

export function nextSteps(input: NextStepsInput): string {
  const { key, status, functionName, program } = input;
  const where = input.dataDir === undefined ? '' : ` --data-dir ${input.dataDir}`;
  const serviceName = status.inventory
    .find(({ kind }) => kind === 'ecs-service')
    ?.name.split('/')
    .at(-1);
  const record = {
    namespace: { S: key.namespace },
    name: { S: `${key.name}-2` },
    spec: { M: { source: { M: { functionRef: { M: { name: { S: functionName } } } } } } },
  };
  const put: Call = {
    service: 'dynamodb',
    target: 'DynamoDB_20120810.PutItem',
    version: '1.0',
    cli: `dynamodb put-item --table-name ${input.desiredTable} --item '${JSON.stringify(record)}'`,
    input: { TableName: input.desiredTable, Item: record },
  };
  const lines = [
    ['ask it', `curl ${status.url ?? ''}`],
    ['list and describe', `${program} get${where}`],
    ['', `${program} describe ${key.name} -n ${key.namespace}${where}`],
    ['put a bare record', command(input, put)],
  ];
  if (serviceName) {
    const cluster = 'lambdacontainer';
    lines.push([
      'break something',
      command(input, {
        service: 'ecs',
        target: 'AmazonEC2ContainerServiceV20141113.DeleteService',
        version: '1.1',
        cli: `ecs delete-service --force --cluster ${cluster} --service ${serviceName} --query service.status`,
        input: { cluster, service: serviceName, force: true },
      }),
    ]);
    lines.push(['watch it heal', `${program} events ${key.name} -n ${key.namespace} --watch${where}`]);
  }
  return lines.map(([label = '', line]) => `  ${label.padEnd(18)} ${line}\n`).join('');
}

/** The call by the AWS CLI where it is installed, else by curl, which signs requests by itself. */
function command({ hasAwsCli, awsEndpoint, region }: NextStepsInput, call: Call): string {
  if (hasAwsCli) {
    return `AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local aws --region ${region} --endpoint-url ${awsEndpoint} ${call.cli}`;
  }
  return `curl -s --user local:local --aws-sigv4 aws:amz:${region}:${call.service} -H 'content-type: application/x-amz-json-${call.version}' -H 'x-amz-target: ${call.target}' -d '${JSON.stringify(call.input)}' ${awsEndpoint}/`;
}
