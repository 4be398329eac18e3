/**
 * Which of a class's credentials open a repository. They are the class's to name and never the object's: an object that
 * could name a secret could have it sent to a server of its own choice. Pure.
 */
import type { LambdaContainerClassSpec } from '../api/index.ts';

type Credentials = NonNullable<LambdaContainerClassSpec['build']['gitCredentials']>;

/**
 * The secret of the longest prefix that the URL begins with: one that ends in a slash stands for all below it, any other
 * for itself. None for a URL that git and its server could take for another path than the one that was compared.
 */
export function gitSecretFor(url: string, credentials: Credentials = []): string | undefined {
  const { href, pathname } = new URL(url);
  const written = url.replace(/^[a-z]+:\/\/[^/]*/, '');
  if (written !== pathname || !/^(\/[\w.~+@-]+)+\/?$/.test(pathname)) return undefined;
  const [longest] = credentials
    .map(({ url: prefix, secretRef }) => ({ prefix: new URL(prefix).href, secretRef }))
    .filter(({ prefix }) => (prefix.endsWith('/') ? href.startsWith(prefix) : href === prefix))
    .sort((a, b) => b.prefix.length - a.prefix.length);
  return longest?.secretRef;
}
