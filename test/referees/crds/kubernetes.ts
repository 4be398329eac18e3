/**
 * Asks Kubernetes' own library, through the Go program beside this file. The program is built once per run into a
 * temporary folder; modules and compiled packages stay in Go's own caches.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

export interface Question {
  /** A whole object, or one as a person wrote it. */
  readonly document?: unknown;
  readonly yaml?: string;
  /** Asks for the object's health by its status. */
  readonly health?: boolean;
}

export interface Answer {
  readonly accepted: boolean;
  readonly reasons: readonly string[];
  readonly health?: string;
}

export interface Kubernetes {
  /** About the definitions themselves. */
  readonly definitions: Answer;
  readonly answers: readonly Answer[];
}

const CRDS = resolve(import.meta.dirname, '../../../crds');

/** Undefined where Go is missing or too old: the cases are then skipped by name, except in CI, which has it. */
export function findGo(): string | undefined {
  // In the module's folder, because an older Go refuses the module.
  const found = spawnSync('go', ['list', '-m'], { cwd: import.meta.dirname, encoding: 'utf8' });
  return found.status === 0 || process.env.CI === 'true' ? 'go' : undefined;
}

export class Referee {
  readonly #folder = mkdtempSync(join(tmpdir(), 'lambdacontainer-crds-'));
  readonly #program = join(this.#folder, 'crds');

  constructor(go: string) {
    // Without optimisation and symbols the first build takes two thirds of the time.
    const flags = ['-gcflags=all=-N -l', '-ldflags=-s -w'];
    const built = spawnSync(go, ['build', ...flags, '-o', this.#program, '.'], {
      cwd: import.meta.dirname,
      encoding: 'utf8',
    });
    if (built.status !== 0) throw new Error(`the referee cannot be built: ${built.error?.message ?? built.stderr}`);
  }

  ask(questions: readonly Question[], folder = CRDS): Kubernetes {
    const input = questions.map((question) => `${JSON.stringify(question)}\n`).join('');
    const run = spawnSync(this.#program, [folder], { input, encoding: 'utf8', maxBuffer: 256 * 1024 * 1024 });
    if (run.status !== 0) throw new Error(`the referee failed: ${run.error?.message ?? run.stderr}`);
    const [definitions, ...answers] = run.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Answer);
    if (!definitions) throw new Error('the referee said nothing');
    return { definitions, answers };
  }

  close(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
