/**
 * moto's CloudFormation, on a port of its own: stacks are created from the templates as they are in `deploy/`, and what
 * came of them is read through our own ports. moto drops what it does not know; `UNKNOWN_TO_MOTO` says which types.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { type AccountPorts, connectAccountPorts } from '../../src/aws/account-ports.ts';
import { createSdkPorts, type Ports } from '../../src/aws/index.ts';
import { template } from './template.ts';

/** CI has it, or fails. */
export const hasMoto =
  process.env.CI === 'true' || spawnSync('moto_server', ['--help'], { stdio: 'ignore' }).status === 0;

export const REGION = 'eu-west-1';
export const ACCOUNT = '123456789012';

/** Types that moto 5.2 leaves out of a stack without a word. */
export const UNKNOWN_TO_MOTO: readonly string[] = [
  'AWS::CloudWatch::Alarm',
  'AWS::Logs::MetricFilter',
  'AWS::SQS::QueuePolicy',
];

export interface Stack {
  readonly status: string;
  readonly outputs: Readonly<Record<string, string>>;
  /** Logical ids of what was created. */
  readonly resources: readonly string[];
}

export class Moto {
  readonly #server: ChildProcess;
  readonly #url: string;
  readonly #close: () => void;
  readonly ports: Ports;
  readonly accountPorts: AccountPorts;

  private constructor(server: ChildProcess, url: string) {
    this.#server = server;
    this.#url = url;
    const sdk = {
      region: REGION,
      endpoint: url,
      credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    };
    const { ports, close } = createSdkPorts(sdk, {
      resolveDigest: () => Promise.reject(new Error('moto has no registry')),
    });
    const account = connectAccountPorts(sdk);
    this.ports = ports;
    this.accountPorts = { ...account.ports, cloudformation: this.#carriedOut(account.ports.cloudformation) };
    this.#close = () => {
      close();
      account.close();
    };
  }

  /** @throws Error when the server ends before it listens */
  static async start(): Promise<Moto> {
    const server = spawn('moto_server', ['-H', '127.0.0.1', '-p', '0'], { stdio: ['ignore', 'ignore', 'pipe'] });
    const url = await new Promise<string>((listening, reject) => {
      let text = '';
      server.stderr.on('data', (chunk: Buffer) => {
        text += chunk.toString();
        const found = /Running on (http:\/\/127\.0\.0\.1:\d+)/.exec(text)?.[1];
        if (found) listening(found);
      });
      server.once('error', reject);
      server.once('exit', () => reject(new Error(`moto_server ended: ${text}`)));
    });
    return new Moto(server, url);
  }

  /**
   * moto makes and judges change sets, but a stack that is made of one has neither outputs nor its parameters. So what a
   * first change set asks for is carried out by CreateStack, which knows both. Updates it breaks off at resources that it
   * cannot change; they are judged here and carried out in test/cli/bootstrap.test.ts.
   */
  #carriedOut(port: AccountPorts['cloudformation']): AccountPorts['cloudformation'] {
    type Wish = Parameters<typeof port.createChangeSet>[0];
    const wishes = new Map<string | undefined, Wish>();
    return {
      ...port,
      createChangeSet: (input, call) => {
        wishes.set(input.ChangeSetName, input);
        return port.createChangeSet(input, call);
      },
      executeChangeSet: async ({ ChangeSetName, StackName = '' }) => {
        const { TemplateBody = '', Parameters = [] } = wishes.get(ChangeSetName) ?? {};
        await port.deleteStack({ StackName });
        await this.call('cloudformation', {
          Action: 'CreateStack',
          StackName,
          TemplateBody,
          'Capabilities.member.1': 'CAPABILITY_IAM',
          ...members(
            'Parameters',
            Object.fromEntries(Parameters.map((one) => [one.ParameterKey ?? '', one.ParameterValue ?? ''])),
            'ParameterKey',
            'ParameterValue',
          ),
        });
        return { $metadata: {} };
      },
    };
  }

  /** A stack of a template; what it created is complete when this returns. @throws Error with moto's words */
  async createStack(name: string, file: string, parameters: Readonly<Record<string, string>>): Promise<Stack> {
    await this.call('cloudformation', {
      Action: 'CreateStack',
      StackName: name,
      TemplateBody: template(file).text,
      'Capabilities.member.1': 'CAPABILITY_IAM',
      ...members('Parameters', parameters, 'ParameterKey', 'ParameterValue'),
    });
    const described = await this.call('cloudformation', { Action: 'DescribeStacks', StackName: name });
    const listed = await this.call('cloudformation', { Action: 'ListStackResources', StackName: name });
    return {
      status: all(described, 'StackStatus')[0] ?? '',
      outputs: Object.fromEntries(
        all(described, 'OutputKey').map((key, index) => [key, all(described, 'OutputValue')[index] ?? '']),
      ),
      resources: all(listed, 'LogicalResourceId').filter((id) => id !== ''),
    };
  }

  /** A call of a query API that we have no port for; the answer as it came. */
  async call(service: string, parameters: Readonly<Record<string, string>>, version?: string): Promise<string> {
    const response = await fetch(this.#url, {
      method: 'POST',
      headers: {
        authorization: `AWS4-HMAC-SHA256 Credential=test/20260101/${REGION}/${service}/aws4_request, SignedHeaders=host, Signature=0`,
      },
      body: new URLSearchParams({ Version: version ?? '2010-05-15', ...parameters }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${parameters.Action} answered ${response.status}: ${text}`);
    return text;
  }

  /** The same for an API that speaks JSON. */
  async callJson(service: string, target: string, input: unknown): Promise<Record<string, unknown>> {
    const response = await fetch(this.#url, {
      method: 'POST',
      headers: {
        authorization: `AWS4-HMAC-SHA256 Credential=test/20260101/${REGION}/${service}/aws4_request, SignedHeaders=host, Signature=0`,
        'x-amz-target': target,
        'content-type': 'application/x-amz-json-1.1',
      },
      body: JSON.stringify(input),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${target} answered ${response.status}: ${text}`);
    return JSON.parse(text) as Record<string, unknown>;
  }

  async close(): Promise<void> {
    this.#close();
    const ended = new Promise((resolve) => this.#server.once('exit', resolve));
    this.#server.kill();
    await ended;
  }
}

/** `Parameters.member.1.ParameterKey=…` */
function members(list: string, record: Readonly<Record<string, string>>, key: string, value: string) {
  return Object.fromEntries(
    Object.entries(record).flatMap(([name, text], index) => [
      [`${list}.member.${index + 1}.${key}`, name],
      [`${list}.member.${index + 1}.${value}`, text],
    ]),
  );
}

/** The texts of all elements of a name. */
export function all(xml: string, name: string): string[] {
  return [...xml.matchAll(new RegExp(`<${name}>([^<]*)</${name}>|<${name} ?/>`, 'g'))].map(([, text = '']) =>
    text
      .replaceAll('&lt;', '<')
      .replaceAll('&gt;', '>')
      .replaceAll('&quot;', '"')
      .replaceAll('&#34;', '"')
      .replaceAll('&#39;', "'")
      .replaceAll('&amp;', '&'),
  );
}
