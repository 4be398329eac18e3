/**
 * `npm run sim:kills`: each scenario of `kill-scenarios.ts` is played once undisturbed, and once for each moment before and
 * after each of its calls that changes something with the controller killed in it (`--every`: of its calls); each end must be
 * that of the undisturbed play. Prints a table of scenarios and calls, and what differs with the line that repeats it.
 * `--only TEXT`: scenarios whose name holds it; with `--call N [--after]`: one kill of them.
 */
import { parseArgs } from 'node:util';
import { type End, isSameEnd, type KillPoint, played, pointsOf } from '../kill-points.ts';
import { KILL_SCENARIOS } from '../kill-scenarios.ts';
import { playAll } from './players.ts';

interface Task {
  /** Of the scenario. */
  readonly index: number;
  readonly point?: KillPoint | undefined;
}

interface Result extends Task {
  readonly end?: End;
  readonly operations?: readonly string[];
  readonly killed?: boolean;
  /** Instead of all of them. */
  readonly error?: string;
}

const USAGE = 'usage: npm run sim:kills -- [--every] [--only TEXT] [--call N [--after]]';

/** Plays what it is sent, one after the other. */
function serve(): void {
  process.on('message', (task: Task) => {
    const scenario = KILL_SCENARIOS[task.index];
    if (!scenario) throw new RangeError(`there is no scenario ${task.index}`);
    // A play that never ends as it should throws, and says so here.
    void played(scenario, task.point).then(
      (result) => process.send?.({ ...task, ...result }),
      (error: Error) => process.send?.({ ...task, error: error.message }),
    );
  });
  process.on('disconnect', () => process.exit(0));
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
  const chosen = KILL_SCENARIOS.flatMap(({ name }, index) => (name.includes(values.only) ? [{ index }] : []));
  const call = values.call === undefined ? undefined : Number(values.call);
  if (chosen.length === 0 || (call !== undefined && !(call >= 1))) throw new TypeError(USAGE);
  const startedMs = performance.now();
  const plain = new Map<number, Result>();
  await playAll<Task, Result>(chosen, (result) => plain.set(result.index, result));
  for (const { index, error, end } of plain.values()) {
    if (error === undefined && end !== undefined && end.unproven.length === 0) continue;
    throw new Error(
      `${KILL_SCENARIOS[index]?.name}, undisturbed: ${error ?? `traffic without proof: ${end?.unproven}`}`,
    );
  }
  const tasks = chosen.flatMap(({ index }) => {
    const points =
      call === undefined ? pointsOf(plain.get(index)?.operations ?? [], values.every) : [{ call, done: values.after }];
    return points.map((point) => ({ index, point }));
  });
  const differing: string[] = [];
  await playAll<Task, Result>(tasks, ({ index, point, end, killed, error }) => {
    const [scenario, undisturbed] = [KILL_SCENARIOS[index]?.name, plain.get(index)?.end];
    if (killed && end && undisturbed && isSameEnd(end, undisturbed)) return;
    const operation = plain.get(index)?.operations?.[(point?.call ?? 0) - 1];
    const where = `killed ${point?.done ? 'after' : 'before'} call ${point?.call}, ${operation}`;
    const ends = `${JSON.stringify(end)}\n  and not ${JSON.stringify(undisturbed)}`;
    const what = error ?? (killed ? ends : 'the call was never made');
    const again = `npm run sim:kills -- --only '${scenario}' --call ${point?.call}${point?.done ? ' --after' : ''}`;
    differing.push(`${index}`);
    process.stdout.write(`${scenario}, ${where}: ${what}\n  again: ${again}\n`);
  });
  process.stdout.write('| scenario | calls | kills | with the same end |\n| --- | --- | --- | --- |\n');
  for (const { index } of chosen) {
    const kills = tasks.filter((task) => task.index === index).length;
    const same = kills - differing.filter((of) => of === `${index}`).length;
    const calls = plain.get(index)?.operations?.length;
    process.stdout.write(`| ${KILL_SCENARIOS[index]?.name} | ${calls} | ${kills} | ${same} |\n`);
  }
  const tookSec = (performance.now() - startedMs) / 1000;
  process.stdout.write(`${tasks.length - differing.length} of ${tasks.length} kills ok in ${tookSec.toFixed(0)} s\n`);
  return differing.length === 0;
}

if (process.argv.includes('--child')) serve();
else {
  try {
    process.exitCode = (await main()) ? 0 : 1;
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`);
    process.exitCode = 2;
  }
}
