/** Child processes of this very program that play what they are sent, as many as there are processors. */
import { fork } from 'node:child_process';
import { availableParallelism } from 'node:os';

/** Gives each task to whoever is free; `heard` is told of each result as it comes. Rejects when a child ends by itself. */
export async function playAll<Task extends object, Result>(
  tasks: readonly Task[],
  heard: (result: Result) => void,
): Promise<void> {
  const left = [...tasks];
  const player = () =>
    new Promise<void>((resolve, reject) => {
      const child = fork(process.argv[1] ?? '', ['--child'], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
      const give = () => {
        const task = left.shift();
        if (task) child.send(task);
        else child.disconnect();
      };
      child.on('message', (result: Result) => {
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
}
