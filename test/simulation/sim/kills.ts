/**
 * `npm run sim:kills`: each scenario of `kill-scenarios.ts` is played once undisturbed, and once for each moment before and
 * after each of its calls that changes something with the controller killed in it (`--every`: of its calls); each end must be
 * that of the undisturbed play. Prints a table of scenarios and calls, and what differs with the line that repeats it.
 * `--only TEXT`: scenarios whose name holds it; with `--call N [--after]`: one kill of them.
 */
import { parseArgs } from 'node:util';
import { type End, isSameEnd, type KillPoint, played, pointsOf } from '../kill-points.ts';
import { KILL_SCENARIOS } from '../kill-scenarios.ts';
import { playAll, runProgram } from './players.ts';

/** What a child is sent: a scenario by its index, undisturbed or killed at a point. */
interface Task {
  readonly index: number;
  readonly point?: KillPoint | undefined;
}

interface Kill extends Task {
  readonly point: KillPoint;
}

type Result<Asked extends Task> = Asked &
  (
    | {
        readonly end: End;
        readonly operations: readonly string[];
        readonly killed: boolean;
        readonly error?: undefined;
      }
    /** It never ended as it should. */
    | { readonly error: string }
  );

/** A scenario as it goes when nobody is killed. */
interface Plain {
  readonly index: number;
  readonly name: string;
  readonly end: End;
  readonly operations: readonly string[];
}

const USAGE = 'usage: npm run sim:kills -- [--every] [--only TEXT] [--call N [--after]]';

async function playTask(task: Task): Promise<Result<Task>> {
  const scenario = KILL_SCENARIOS[task.index];
  if (!scenario) throw new RangeError(`there is no scenario ${task.index}`);
  try {
    return { ...task, ...(await played(scenario, task.point)) };
  } catch (error) {
    return { ...task, error: (error as Error).message };
  }
}

/** @throws Error when one of them does not even end well by itself */
async function playPlain(only: string): Promise<Plain[]> {
  const tasks = KILL_SCENARIOS.flatMap(({ name }, index) => (name.includes(only) ? [{ index }] : []));
  if (tasks.length === 0) throw new TypeError(`--only: no scenario's name holds '${only}'; ${USAGE}`);
  const results = await playAll<Task, Result<Task>>(tasks);
  return results
    .map((result): Plain => {
      const name = KILL_SCENARIOS[result.index]?.name ?? '';
      if (result.error !== undefined) throw new Error(`${name}, undisturbed: ${result.error}`);
      const { index, end, operations } = result;
      if (end.unproven.length > 0) throw new Error(`${name}, undisturbed: traffic without proof: ${end.unproven}`);
      return { index, name, end, operations };
    })
    .sort((a, b) => a.index - b.index);
}

/** What of a kill's end is not as it is to be. */
function differenceOf(result: Result<Kill>, { end }: Plain): string | undefined {
  if (result.error !== undefined) return result.error;
  if (!result.killed) return 'the call was never made';
  if (isSameEnd(result.end, end)) return undefined;
  return `${JSON.stringify(result.end)}\n  and not ${JSON.stringify(end)}`;
}

async function main(): Promise<boolean> {
  const { values } = parseArgs({
    options: {
      only: { type: 'string', default: '' },
      call: { type: 'string' },
      after: { type: 'boolean', default: false },
      every: { type: 'boolean', default: false },
    },
  });
  const call = values.call === undefined ? undefined : Number(values.call);
  if (call !== undefined && !(call >= 1))
    throw new TypeError(`--call: ${values.call} is no number of a call; ${USAGE}`);
  const startedMs = performance.now();
  const plain = await playPlain(values.only);
  const kills = plain.flatMap(({ index, operations }) => {
    const points = call === undefined ? pointsOf(operations, values.every) : [{ call, done: values.after }];
    return points.map((point) => ({ index, point }));
  });
  const differing: Kill[] = [];
  await playAll<Kill, Result<Kill>>(kills, (result) => {
    const undisturbed = plain.find(({ index }) => index === result.index) as Plain;
    const difference = differenceOf(result, undisturbed);
    if (difference === undefined) return;
    differing.push(result);
    const { name, operations } = undisturbed;
    const { call, done } = result.point;
    const where = `killed ${done ? 'after' : 'before'} call ${call}, ${operations[call - 1]}`;
    const again = `npm run sim:kills -- --only '${name}' --call ${call}${done ? ' --after' : ''}`;
    process.stdout.write(`${name}, ${where}: ${difference}\n  again: ${again}\n`);
  });
  process.stdout.write('| scenario | calls | kills | with the same end |\n| --- | --- | --- | --- |\n');
  for (const { index, name, operations } of plain) {
    const of = (some: readonly Kill[]) => some.filter((kill) => kill.index === index).length;
    process.stdout.write(`| ${name} | ${operations.length} | ${of(kills)} | ${of(kills) - of(differing)} |\n`);
  }
  const tookSec = (performance.now() - startedMs) / 1000;
  process.stdout.write(`${kills.length - differing.length} of ${kills.length} kills ok in ${tookSec.toFixed(0)} s\n`);
  return differing.length === 0;
}

await runProgram(main, playTask);
