/**
 * Where the lines of an object are: the log group of its tasks, as the inventory names it, and that of its function, as
 * Lambda names it. Neither name is made up here; what is not there yet is left out and said.
 */
import type { Ports } from '../../aws/index.ts';
import { isFailure } from '../../core/index.ts';
import type { Inventory } from '../../resource/index.ts';

export type Side = 'lambda' | 'fargate';

export interface LogSource {
  readonly side: Side;
  readonly group: string;
  /** Of one container alone; undefined: of all. */
  readonly container: string | undefined;
  /** One stream alone. */
  readonly stream?: string | undefined;
}

export interface SourceRequest {
  readonly inventory: Inventory | undefined;
  /** The function that the spec refers to. */
  readonly functionName: string | undefined;
  readonly side: Side | 'all';
  readonly container: string | undefined;
}

/** The sources, and a sentence for each that was asked for and is not there. One call at most. */
export async function logSources(
  request: SourceRequest,
  lambda: Pick<Ports['lambda'], 'getFunction'>,
): Promise<{ sources: LogSource[]; absent: string[] }> {
  const sources: LogSource[] = [];
  const absent: string[] = [];
  if (request.side !== 'lambda') {
    const group = request.inventory?.entries.find(({ kind }) => kind === 'log-group')?.identity.logGroupName;
    if (group === undefined) absent.push('there is no log group for its tasks yet');
    else sources.push({ side: 'fargate', group, container: request.container });
  }
  // Containers are a matter of tasks.
  if (request.side !== 'fargate' && request.container === undefined && request.functionName !== undefined) {
    const group = await functionLogGroup(request.functionName, lambda);
    if (group === undefined) absent.push(`the function '${request.functionName}' does not exist`);
    else sources.push({ side: 'lambda', group, container: undefined });
  }
  return { sources, absent };
}

/** A function may log to a group of its own choice. https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-loggroups.html */
async function functionLogGroup(
  FunctionName: string,
  lambda: Pick<Ports['lambda'], 'getFunction'>,
): Promise<string | undefined> {
  try {
    const { Configuration } = await lambda.getFunction({ FunctionName });
    return Configuration?.LoggingConfig?.LogGroup ?? `/aws/lambda/${FunctionName}`;
  } catch (error) {
    if (isFailure(error, 'notFound')) return undefined;
    throw error;
  }
}
