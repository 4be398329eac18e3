/**
 * Asks of every call whether its caller may make it: what the call needs (the services' tables), what the caller's
 * policies say, and what the resource's own policy adds. Notes which statement allowed what. It knows no operation by
 * name.
 */
import type { AwsError, ServiceId } from '../contract.ts';
import { ACTIONS, type Account, BY_ARN, type Need, type Tags, type Value } from './actions/index.ts';
import { type Attached, evaluate, type Question } from './evaluate.ts';
import type { Identity } from './identity.ts';
import type { Ledger } from './ledger.ts';
import type { Keys } from './pattern.ts';
import { type Policy, parsePolicy } from './policy.ts';
import { denial } from './refusals.ts';

export interface AuthorizerDeps {
  readonly account: Account;
  readonly ledger: Ledger;
  /** Whom a role trusts, as a policy of the role. */
  readonly trustOf: (roleArn: string) => Attached | undefined;
  /** Told of every denial. */
  readonly onDenial?: ((denied: Denied) => void) | undefined;
}

export interface Denied {
  readonly arn: string;
  readonly action: string;
  readonly resource: string;
}

const DOCUMENTS_MAX = 1_000;

export class Authorizer {
  readonly #deps: AuthorizerDeps;
  /** Policies of resources by their text. */
  readonly #documents = new Map<string, Policy>();

  constructor(deps: AuthorizerDeps) {
    this.#deps = deps;
  }

  /** @throws AwsError the service's denial of the first thing that is not allowed */
  authorize(service: ServiceId, operation: string, input: unknown, identity: Identity, nowMs: number): void {
    const { policies } = identity;
    if (!policies) return;
    for (const need of this.#needs(service, operation, input)) {
      for (const resource of need.resources) {
        const question = { action: need.action, resource, keys: this.#keys(need, resource, identity, nowMs) };
        const error = this.#refusal(service, question, policies, identity);
        if (!error) continue;
        this.#deps.onDenial?.({ arn: identity.arn, action: need.action, resource });
        throw error;
      }
    }
  }

  #needs(service: ServiceId, operation: string, input: unknown): readonly Need[] {
    const resolve = ACTIONS[service].operations[operation];
    // A test compares the tables with what the machines can do.
    if (!resolve) throw new Error(`nothing says what ${service} ${operation} needs to be allowed`);
    return resolve(input ?? {}, this.#deps.account);
  }

  #refusal(
    service: ServiceId,
    question: Question,
    policies: readonly Attached[],
    identity: Identity,
  ): AwsError | undefined {
    const own = evaluate(policies, question);
    if (own.effect === 'Deny') return denial(service, identity.arn, question, 'an identity denies');
    const policy = this.#policyOf(question);
    // A policy that names the whole account leaves it to the policies of its identities; one that names this one is
    // enough by itself. A role's trust must allow as well: STS sees to that.
    const { arns, accountId } = identity;
    const theirs = (named: { accountId?: string }) =>
      policy ? evaluate([policy], question, { type: 'AWS', arns, ...named }).effect : 'none';
    if (theirs({ accountId }) === 'Deny') return denial(service, identity.arn, question, 'a resource denies');
    if (own.effect === 'Allow') this.#deps.ledger.note(own.by);
    else if (theirs({}) !== 'Allow') return denial(service, identity.arn, question, 'nothing allows');
    return undefined;
  }

  /** A queue's, a function's, a role's trust: what may let somebody in whom his own policies do not. */
  #policyOf({ action, resource }: Question): Attached | undefined {
    if (action === 'sts:AssumeRole') return this.#deps.trustOf(resource);
    const document = BY_ARN[resource.split(':')[2] ?? '']?.policyOf?.(resource, this.#deps.account);
    return document ? { name: resource, policy: this.#parsed(document) } : undefined;
  }

  #parsed(document: string): Policy {
    const known = this.#documents.get(document);
    if (known) return known;
    if (this.#documents.size >= DOCUMENTS_MAX) this.#documents.clear();
    const policy = parsePolicy(document, 'resource');
    this.#documents.set(document, policy);
    return policy;
  }

  #keys(need: Need, resource: string, identity: Identity, nowMs: number): Keys {
    const { account } = this.#deps;
    // Most statements ask for no key at all.
    let own: Map<string, Value | (() => Value)> | undefined;
    let tags: Tags | undefined;
    const resourceTags = () => {
      tags ??= BY_ARN[resource.split(':')[2] ?? '']?.tagsOf?.(resource, account) ?? {};
      return tags;
    };
    return (asked) => {
      const key = asked.toLowerCase();
      own ??= new Map(Object.entries(need.keys ?? {}).map(([name, value]) => [name.toLowerCase(), value]));
      if (own.has(key)) {
        const value = own.get(key);
        return many(typeof value === 'function' ? value() : value);
      }
      const slash = key.indexOf('/');
      if (slash !== -1) {
        const tag = key.slice(slash + 1);
        const family = key.slice(0, slash);
        // Some services have the same under their own name: `ecs:ResourceTag/…`.
        if (family.endsWith(':resourcetag')) return tagged(resourceTags(), tag);
        if (family === 'aws:requesttag') return tagged(need.requestTags ?? {}, tag);
        if (family === 'aws:principaltag') return tagged(identity.tags, tag);
        return undefined;
      }
      switch (key) {
        case 'aws:tagkeys': {
          const keys = need.tagKeys ?? Object.keys(need.requestTags ?? {});
          return keys.length === 0 ? undefined : keys;
        }
        case 'aws:principalarn':
          // Of a session it is the role's ARN.
          return [identity.arns.at(-1) ?? identity.arn];
        case 'aws:principalaccount':
          return [identity.accountId];
        case 'aws:resourceaccount':
          return [resource.split(':')[4] || account.accountId];
        case 'aws:principaltype':
          return [identity.type];
        case 'aws:userid':
          return [identity.userId];
        case 'aws:username':
          return identity.type === 'User' ? [identity.name] : undefined;
        case 'aws:requestedregion':
          return [account.region];
        case 'aws:currenttime':
          return [new Date(nowMs).toISOString()];
        case 'aws:epochtime':
          return [String(Math.floor(nowMs / 1000))];
        case 'aws:securetransport':
          // The port stands for endpoints that speak nothing but TLS.
          return ['true'];
        case 'aws:sourceip':
          return ['127.0.0.1'];
        default:
          return undefined;
      }
    };
  }
}

function many(value: string | readonly string[] | undefined): readonly string[] | undefined {
  if (value === undefined) return undefined;
  return typeof value === 'string' ? [value] : value;
}

/** The keys of tags in conditions have no case. */
function tagged(tags: Tags, wanted: string): readonly string[] | undefined {
  const key = Object.keys(tags).find((name) => name.toLowerCase() === wanted);
  return key === undefined ? undefined : [tags[key] ?? ''];
}
