/**
 * `bootstrap --tables`: makes the two tables alone, or adds what they lack: stream, expiry, point-in-time recovery and
 * deletion protection. What is there is never taken away. For daemons that run elsewhere, and for stand-ins for
 * DynamoDB; `--print` writes the same as CloudFormation instead.
 */
import { UserError } from '../../core/index.ts';
import { type Tables, tablesOf } from '../context/locate.ts';
import { asJson, asYaml } from '../output/documents.ts';
import type { Form } from '../output/form.ts';
import type { CliIo } from '../output/io.ts';
import { completeTable } from '../tables/complete-table.ts';
import { checkTable, type Lack } from '../tables/table-check.ts';
import { cloudFormation, TABLE_SHAPES } from '../tables/table-shapes.ts';
import type { Connection } from './connection.ts';
import { confirmMutation, type MutationFlags } from './mutation.ts';

const DONE: Readonly<Record<Lack, string>> = {
  table: 'created',
  stream: 'stream switched on',
  expiry: 'expiry switched on',
  recovery: 'point-in-time recovery switched on',
  protection: 'deletion protection switched on',
};

/** Exit status 1 when a table cannot be made what it has to be; the other one is then left as it is too. */
export async function bootstrapTables(args: MutationFlags, io: CliIo, connection: Connection): Promise<number> {
  const { ports, tables } = connection;
  const checks = await Promise.all(
    TABLE_SHAPES.map((shape) => checkTable(ports.dynamodb, tables[shape.role], shape, true)),
  );
  const problems = TABLE_SHAPES.flatMap(({ role }, index) =>
    (checks[index]?.defects ?? []).map((defect) => `table ${tables[role]}: ${defect}`),
  );
  if (problems.length > 0) throw new UserError(`nothing was changed: ${problems.join('; ')}`);
  await confirmMutation(io, connection, 'bootstrapping', args);
  const suffix = args.dryRun ? ' (dry run)' : '';
  for (const [index, shape] of TABLE_SHAPES.entries()) {
    const name = tables[shape.role];
    const found = checks[index];
    let isChanged = false;
    await completeTable({
      ...(found ? { found } : {}),
      dynamo: ports.dynamodb,
      clock: io.clock,
      name,
      shape,
      isGuarded: true,
      isDryRun: args.dryRun === true,
      onChange: (lack) => {
        isChanged = true;
        io.stdout(`table/${name} ${DONE[lack]}${suffix}\n`);
      },
    });
    if (!isChanged) io.stdout(`table/${name} unchanged\n`);
    if (found?.isRecoveryUnknown) io.stderr(`warning: table/${name}: this endpoint knows no point-in-time recovery\n`);
  }
  return 0;
}

/** Prints the template of the tables that a context or the environment names; no call is made. */
export async function printTemplate(
  args: { readonly output?: Form | undefined },
  tables: Tables | undefined,
  io: CliIo,
): Promise<number> {
  const template = cloudFormation(tables ?? tablesOf(io.env));
  io.stdout(args.output?.name === 'json' ? asJson(template) : asYaml(template));
  return 0;
}
