/** Programs whose child processes are the same program again: they play what they are sent, as many as there are processors. */
import { fork } from 'node:child_process';
import { availableParallelism } from 'node:os';

/** Gives each task to whoever is free; returns the results as they came, each told to `heard` then. Rejects when a child ends by itself. */
export async function playAll<Task extends object, Result>(
  tasks: readonly Task[],
  heard: (result: Result) => void = () => {},
): Promise<Result[]> {
  const left = [...tasks];
  const results: Result[] = [];
  const player = () =>
    new Promise<void>((resolve, reject) => {
      const child = fork(process.argv[1] ?? '', ['--child'], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
      const give = () => {
        const task = left.shift();
        if (task) child.send(task);
        else child.disconnect();
      };
      child.on('message', (result: Result) => {
        results.push(result);
        heard(result);
        give();
      });
      child.on('error', reject);
      child.on('exit', (code, signal) =>
        code === 0 ? resolve() : reject(new Error(`a player ended: ${code ?? signal}`)),
      );
      give();
    });
  await Promise.all(Array.from({ length: Math.min(tasks.length, availableParallelism()) }, player));
  return results;
}

/** Plays what this process is sent, one task after the other, until nothing more comes. */
function serve<Task, Result extends object>(play: (task: Task) => Promise<Result>): void {
  process.on('message', (task: Task) => {
    void play(task).then((result) => process.send?.(result));
  });
  process.on('disconnect', () => process.exit(0));
}

/**
 * Runs the program: `main`, or in a child `play` for each task. Exits with 0 when `main` finds all well, with 1 when it
 * does not, and with 2 when it was asked for something that cannot be done.
 */
export async function runProgram<Task, Result extends object>(
  main: () => Promise<boolean>,
  play: (task: Task) => Promise<Result>,
): Promise<void> {
  if (process.argv.includes('--child')) {
    serve(play);
    return;
  }
  try {
    process.exitCode = (await main()) ? 0 : 1;
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`);
    process.exitCode = 2;
  }
}
