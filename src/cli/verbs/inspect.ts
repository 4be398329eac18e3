/** The verbs that look behind the records: `plan`, `diff`, `verify`, `logs` and `invoke`. */
import { Option } from 'commander';
import { asDiffError, DIFF_OUTPUTS, type DiffArgs, diff } from '../commands/diff.ts';
import { INVOCATION_TYPES, type InvokeArgs, invoke } from '../commands/invoke.ts';
import { DEFAULT_SINCE, type LogsArgs, logs } from '../commands/logs.ts';
import { PLAN_OUTPUTS, type PlanArgs, plan } from '../commands/plan.ts';
import { VERIFY_OUTPUTS, type VerifyArgs, verify } from '../commands/verify.ts';
import { type EquivalenceArgs, verifyEquivalence } from '../commands/verify-equivalence.ts';
import {
  collect,
  type Flags,
  type Run,
  type Verb,
  whole,
  withChoice,
  withConnection,
  withFiles,
  withNamespace,
} from './verb.ts';

const NAMES = 'NAME or KIND/NAME';

export function addPlan(verb: Verb, run: Run): void {
  const command = verb(
    'plan',
    'Show what applying manifests, or going on with the records as they are, would do to AWS. It only reads.',
    ['plan -f shop.yaml', 'plan checkout -n shop -o wide', 'plan -A -o json', 'plan --delete checkout -n shop'],
  )
    .argument('[objects...]', NAMES)
    .option('--delete', 'what taking the records away would do')
    .addOption(new Option('-o, --output <format>', 'form of the output').choices(PLAN_OUTPUTS).default('text'));
  withConnection(withNamespace(withFiles(withChoice(command)))).action((words: string[], flags: Flags & PlanArgs) =>
    run.connected(flags, (io, connection) => plan({ ...flags, words, files: flags.filename ?? [] }, io, connection)),
  );
}

export function addDiff(verb: Verb, run: Run): void {
  const command = verb(
    'diff',
    'Show how manifests differ from the records and from AWS; with names, how AWS differs from the records. Exit status 0: no difference, 1: differences, more: an error.',
    ['diff -f shop.yaml', 'diff checkout -n shop', 'diff -A'],
  )
    .argument('[objects...]', NAMES)
    .addOption(new Option('-o, --output <format>', 'form of the output').choices(DIFF_OUTPUTS).default('text'));
  withConnection(withNamespace(withFiles(withChoice(command)))).action(
    async (words: string[], flags: Flags & DiffArgs) => {
      try {
        await run.connected(flags, (io, connection) =>
          diff({ ...flags, words, files: flags.filename ?? [] }, io, connection),
        );
      } catch (error) {
        throw asDiffError(error, run.context);
      }
    },
  );
}

export function addVerify(verb: Verb, run: Run): void {
  const command = verb(
    'verify',
    'Check beforehand what objects stand on: roles, images, secrets, listener, cluster, function, quotas, tables. It only reads.',
    [
      'verify -f shop.yaml',
      'verify checkout -n shop -o json',
      'verify --all -n shop',
      'verify checkout --equivalence --requests requests.yaml',
    ],
  )
    .argument('[objects...]', NAMES)
    .option(
      '--equivalence',
      'compare instead what the function answers from Lambda with what it answers from Fargate, header by header; this invokes it',
    )
    .option(
      '--requests <file>',
      'with --equivalence: a YAML list of requests (method, path, headers, body, bodyBase64)',
    )
    .option('--yes-to <context>', 'consent to invoking in a protected context')
    .addOption(new Option('-o, --output <format>', 'form of the output').choices(VERIFY_OUTPUTS).default('text'));
  withConnection(withNamespace(withFiles(withChoice(command)))).action(
    (words: string[], flags: Flags & VerifyArgs & EquivalenceArgs) =>
      run.connected(flags, (io, connection) => {
        const args = { ...flags, words, files: flags.filename ?? [] };
        return flags.equivalence || flags.requests !== undefined
          ? verifyEquivalence(args, io, connection)
          : verify(args, io, connection);
      }),
  );
}

export function addLogs(verb: Verb, run: Run): void {
  const command = verb('logs', "Show what an object's tasks and its function print, in one order of time.", [
    'logs checkout -n shop -f',
    'logs checkout --since 10m --side fargate --container function-1',
    'logs checkout --build',
  ])
    .argument('<object>', 'NAME')
    .option('-f, --follow', 'go on and show what is printed')
    .option('--since <duration>', 'how far back to begin', DEFAULT_SINCE)
    .addOption(new Option('--tail <count>', 'newest lines to begin with').argParser(whole(0, 100_000)))
    .addOption(new Option('--side <side>', 'whose lines').choices(['lambda', 'fargate', 'all']))
    .option('--container <name>', 'of one container of the tasks: front, function-1 …')
    .option('--timestamps', 'begin each line with its time')
    .option('--no-prefix', 'leave out where each line comes from')
    .option('--build', 'what the newest build of its image printed');
  withConnection(withNamespace(command)).action((word: string, flags: Flags & LogsArgs) =>
    run.connected(flags, (io, connection) => logs({ ...flags, words: [word] }, io, connection)),
  );
}

export function addInvoke(verb: Verb, run: Run): void {
  const command = verb('invoke', "Call an object's function as Lambda's Invoke does, or send a request to its URL.", [
    `invoke checkout -n shop --payload '{"id": 7}' --log tail`,
    'invoke checkout --via http --method POST --path /orders --payload-file order.json --header content-type:application/json',
  ])
    .argument('<object>', 'NAME')
    .addOption(
      new Option('--via <way>', 'lambda: Invoke, whoever serves; http: a request to its URL, answered by who serves')
        .choices(['lambda', 'http'])
        .default('lambda'),
    )
    .option('--payload <json>', 'the event, or the body of a request')
    .option('--payload-file <file>', 'read it from a file, or - from standard input')
    .addOption(new Option('--type <type>', 'type of invocation').choices(INVOCATION_TYPES))
    .addOption(new Option('--log <log>', "tail: show the end of the function's log").choices(['none', 'tail']))
    .option('--method <method>', 'of a request (default: GET, with a body POST)')
    .option('--path <path>', 'behind the URL, with its query')
    .option('--header <header>', 'NAME: VALUE; may be given again', collect)
    .option('--yes-to <context>', 'consent to call in this context, where it is protected and nobody can be asked');
  withConnection(withNamespace(command)).action((word: string, flags: Flags & InvokeArgs) =>
    run.connected(flags, (io, connection) => invoke({ ...flags, words: [word] }, io, connection)),
  );
}
