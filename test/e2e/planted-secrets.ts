/**
 * Values that a test planted in an object: in a secret that its tasks are started with, in its function's environment and
 * in its spec. Looks for them in everything that the product tells: its output and the daemon's log, the whole state
 * table, and what the command line prints of the object. The record itself (`get -o yaml`, the `spec` of `-o json`) is
 * left out: it is what its owner wrote, and shows it. So are the lines that the user's own code prints.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Ports } from '../../src/aws/index.ts';
import { cli } from './local-run.ts';

export interface PlantedObject {
  readonly name: string;
  /** By where they were put. */
  readonly values: Readonly<Record<string, string>>;
}

/** What is looked through. */
export interface Told {
  readonly folder: string;
  readonly output: string;
  readonly stateTable: string;
  readonly dynamodb: Ports['dynamodb'];
  /** Whether the command line is asked, too: that is as many programs as there are commands. */
  readonly commands: boolean;
}

/** Where which value was found, as lines for people; none is the only good answer. @throws Error when a source is empty */
export async function leaks(objects: readonly PlantedObject[], told: Told): Promise<string[]> {
  const texts: Record<string, string> = {
    'the output of the program': told.output,
    'the log of the daemon': readFileSync(join(told.folder, 'controller.log'), 'utf8'),
    'the state table': await tableText(told),
  };
  for (const { name } of told.commands ? objects : []) Object.assign(texts, await printed(name, told.folder));
  const empty = Object.keys(texts).filter((where) => texts[where] === '');
  if (empty.length > 0) throw new Error(`nothing was looked through in ${empty.join(', ')}`);
  return objects.flatMap(({ name, values }) =>
    Object.entries(values).flatMap(([place, value]) =>
      Object.entries(texts).flatMap(([where, text]) =>
        text.includes(value) ? [`${where} has what was planted in ${place} of ${name}`] : [],
      ),
    ),
  );
}

/** What each command prints of the object, and of a change of it. */
async function printed(name: string, folder: string): Promise<Record<string, string>> {
  const record = await cli(['get', name, '-o', 'json'], folder);
  const { spec, ...shown } = JSON.parse(record.stdout) as { spec: { environment?: Record<string, string> } };
  const next = join(folder, `${name}-next.json`);
  // Another value, in which the planted one would still be seen.
  const environment = Object.fromEntries(
    Object.entries(spec.environment ?? {}).map(([key, was]) => [key, `${was}-next`]),
  );
  writeFileSync(next, JSON.stringify({ ...shown, status: undefined, spec: { ...spec, environment } }));
  const answers = await Promise.all(
    [
      ['describe', name],
      ['events', name],
      ['plan', '-f', next, '-o', 'json'],
      // Its status says that there is a difference.
      ['diff', '-f', next],
    ].map(async ([verb = '', ...args]) => {
      const { status, stdout, stderr } = await cli([verb, ...args], folder);
      if (status !== (verb === 'diff' ? 1 : 0)) throw new Error(`${verb} ended with ${status}: ${stderr}`);
      return [verb, `${stdout}${stderr}`] as const;
    }),
  );
  return { ...Object.fromEntries(answers), 'get -o json, without spec': JSON.stringify(shown) };
}

/** Every item: status, inventory, revisions, events and decisions. */
async function tableText({ dynamodb, stateTable }: Told): Promise<string> {
  let text = '';
  let ExclusiveStartKey: Awaited<ReturnType<Ports['dynamodb']['scan']>>['LastEvaluatedKey'];
  do {
    const page = await dynamodb.scan({ TableName: stateTable, ...(ExclusiveStartKey ? { ExclusiveStartKey } : {}) });
    text += JSON.stringify(page.Items ?? []);
    ExclusiveStartKey = page.LastEvaluatedKey;
  } while (ExclusiveStartKey);
  return text;
}
