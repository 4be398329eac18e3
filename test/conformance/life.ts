/** One account, one resource of a kind, and the life of it, as the suites for all kinds walk it through. */
import type { CreateCall, Identity, ResourceKind } from '../../src/resource/index.ts';
import type { Fixture, Scenario } from './fixtures.ts';
import { TestCloud } from './test-cloud.ts';

export const TAGS = {
  'lambdacontainer.dev/owner': 'conformance',
  'lambdacontainer.dev/namespace': 'default',
  'lambdacontainer.dev/name': 'shop',
  'lambdacontainer.dev/uid': '0123',
};
export const CALL: CreateCall = { token: 'conformance', tags: TAGS };

export class Life {
  readonly cloud = new TestCloud();
  readonly #kind: ResourceKind;
  readonly #fixture: Fixture;
  #scenario: Scenario | undefined;
  #identity: Identity | undefined;

  constructor(kind: ResourceKind, fixture: Fixture) {
    this.#kind = kind;
    this.#fixture = fixture;
  }

  get scenario(): Scenario {
    if (!this.#scenario) throw new Error('begin first');
    return this.#scenario;
  }

  async begin(): Promise<this> {
    this.#scenario = await this.#fixture.prepare(this.cloud);
    this.#identity = this.scenario.identity;
    return this;
  }

  get io() {
    return this.cloud.io;
  }

  get identity() {
    return this.#identity ?? this.scenario.identity;
  }

  /** External kinds: the user makes it. */
  async appear(): Promise<void> {
    this.#identity = (await this.scenario.appear?.()) ?? this.identity;
  }

  find = () => this.#kind.observe(this.io, this.identity, {});

  async observe(): Promise<unknown> {
    const observed = await this.find();
    if (observed === undefined) throw new Error(`${this.#kind.name} is absent`);
    return observed;
  }

  async diff(props = this.scenario.desired) {
    return this.#kind.diff(props, await this.observe());
  }

  /** Ready, and nothing left to change. */
  async settled(props = this.scenario.desired): Promise<void> {
    let last = '';
    const holds = async () => {
      const observed = await this.find();
      if (observed === undefined) return false;
      const readiness = this.#kind.readiness(observed, props);
      last = JSON.stringify(readiness);
      return readiness.state === 'ready' && this.#kind.diff(props, observed).length === 0;
    };
    await this.cloud.until(`${this.#kind.name} settled`, holds).catch((error: Error) => {
      throw new Error(`${error.message}: ${last}`);
    });
  }

  async create(props = this.scenario.desired): Promise<void> {
    if (this.scenario.facet) return this.update(props);
    await this.#kind.create(this.io, this.identity, props, CALL);
    await this.settled(props);
  }

  async update(props: unknown): Promise<void> {
    const observed = await this.observe();
    await this.#kind.update(this.io, this.identity, props, observed, this.#kind.diff(props, observed), CALL);
    await this.settled(props);
  }

  async delete(): Promise<void> {
    await this.#kind.delete(this.io, this.identity, await this.observe(), {});
  }

  async absent(): Promise<void> {
    await this.cloud.until(`${this.#kind.name} absent`, async () => (await this.find()) === undefined);
  }
}
