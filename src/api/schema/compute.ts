/** The size of a task on Fargate: the member `compute` of a LambdaContainer's spec. */
import * as z from 'zod';
import { FARGATE_CPU, memorySizes } from '../fargate.ts';
import { type CelRule, duration, durationMs, integer, notes } from './fields.ts';

function celMemory(cpu: number): string {
  const sizes = memorySizes(cpu);
  if (sizes.length <= 4) return `self.memory in [${sizes.join(', ')}]`;
  const step = (sizes[1] ?? 0) - (sizes[0] ?? 0);
  return `self.memory >= ${sizes[0]} && self.memory <= ${sizes.at(-1)} && self.memory % ${step} == 0`;
}

/** Both are given and do not go together; a missing one may come from the class. */
const FARGATE_PAIRS: CelRule = {
  rule: `!has(self.cpu) || !has(self.memory) || (${FARGATE_CPU.map(
    (cpu) => `(self.cpu == ${cpu} && ${celMemory(cpu)})`,
  ).join(' || ')})`,
  message: 'cpu and memory are not a pair that Fargate sells',
};

export const computeFields = z
  .strictObject({
    cpu: z
      .literal(FARGATE_CPU, { error: `is not a Fargate size; use ${FARGATE_CPU.join(', ')}` })
      .meta(notes({ description: 'CPU of a task.', unit: 'CPU units (1024 = 1 vCPU)', defaultText: '256' }))
      .optional(),
    memory: integer(512, 249_856)
      .meta(
        notes({
          description: 'Memory of a task.',
          unit: 'MiB',
          limits: 'Fargate sells fixed pairs of CPU and memory',
          defaultText: 'the least that Fargate allows for the CPU (512 for 256)',
        }),
      )
      .optional(),
    architecture: z
      .enum(['x86_64', 'arm64'])
      .meta(notes({ description: 'CPU architecture.', defaultText: "the function's" }))
      .optional(),
    processes: integer(1, 9)
      .meta(
        notes({
          description: 'Runtime processes in a task: so many invocations run in a task at once.',
          limits: 'a task has at most 10 containers and one of them is the runtime adapter',
        }),
      )
      .default(1),
    concurrency: integer(1, 1000)
      .meta(
        notes({
          description:
            'Invocations that one process takes at once. Above 1 the runtime client must be able to (Node, Python and Go are), and the code shares its global state between them.',
          defaultText: '1, as on Lambda',
        }),
      )
      .optional(),
    spot: z
      .strictObject({
        weight: integer(0, 100)
          .meta(notes({ description: 'Share of the tasks that run on FARGATE_SPOT.', unit: 'percent' }))
          .default(0),
      })
      .meta(notes({ description: 'Use of spare capacity, which AWS may take back with two minutes of notice.' }))
      .prefault({}),
    ephemeralStorage: integer(21, 200)
      .meta(notes({ description: "A task's disk.", unit: 'GiB', limits: 'Fargate allows 21 to 200' }))
      .default(21),
    timeout: duration('1s', '7d')
      .nullable()
      .meta(
        notes({
          description: "Longest time of one invocation. HTTP is bounded by the load balancer's idle timeout too.",
          unit: 'duration',
          defaultText: 'null: none',
        }),
      )
      .optional(),
  })
  .meta({ cel: [FARGATE_PAIRS] });

export const compute = computeFields
  .meta(notes({ description: 'Size of a task on Fargate.' }))
  .transform(({ timeout, cpu, memory, ...rest }) => {
    const cpuUnits: number = cpu ?? 256;
    return {
      ...rest,
      cpu: cpuUnits,
      memory: memory ?? memorySizes(cpuUnits)[0] ?? 512,
      timeoutMs: typeof timeout === 'string' ? durationMs(timeout) : null,
    };
  });
