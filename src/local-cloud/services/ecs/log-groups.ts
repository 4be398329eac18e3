/** The log groups that containers write to: a task whose group is missing does not start. */

import type { DescribeLogGroupsResponse } from '@aws-sdk/client-cloudwatch-logs';
import type { ContainerDefinition, LogConfiguration } from '@aws-sdk/client-ecs';
import type { Handler } from '../../contract.ts';

/** What tasks ask of the logs; LogsService is one. */
export interface Logs {
  readonly operations: Readonly<Record<string, Handler>>;
}

export class LogGroups {
  readonly #logs: Logs;

  constructor(logs: Logs) {
    this.#logs = logs;
  }

  /** Checks every container's log group, creating those that `awslogs-create-group` asks for; says what is missing. */
  ensure(containers: readonly ContainerDefinition[], nowMs: number): string | undefined {
    for (const { logConfiguration } of containers) {
      const name = logConfiguration?.options?.['awslogs-group'];
      if (name === undefined || this.#exists(name, nowMs)) continue;
      if (!createsGroup(logConfiguration)) {
        return `ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times: failed to create Cloudwatch log stream: ResourceNotFoundException: The specified log group does not exist: ${name}`;
      }
      this.#call('CreateLogGroup', { logGroupName: name }, nowMs);
    }
    return undefined;
  }

  #exists(name: string, nowMs: number): boolean {
    // Names come in order, so the one that equals the prefix is first.
    const answer = this.#call('DescribeLogGroups', { logGroupNamePrefix: name }, nowMs) as DescribeLogGroupsResponse;
    return answer.logGroups?.[0]?.logGroupName === name;
  }

  #call(operation: string, input: object, nowMs: number): unknown {
    const handler = this.#logs.operations[operation];
    if (!handler) throw new Error(`the logs machine has no ${operation}`);
    return handler(input, { nowMs, requestId: 'ecs' });
  }
}

function createsGroup(configuration: LogConfiguration | undefined): boolean {
  return configuration?.options?.['awslogs-create-group'] === 'true';
}
