/**
 * Guesses whether an environment variable holds a secret, by its name and by well-known shapes of tokens. A guess may
 * be wrong: `acknowledgePlaintextEnvironment` overrules it. Used to refuse plain-text secrets and to hide values.
 */
const NAME =
  /(^|_)(PASSWORD|PASSWD|PWD|PASSPHRASE|SECRET|TOKEN|API_?KEY|ACCESS_?KEY|PRIVATE_?KEY|AUTH_?KEY|CREDENTIALS?)(_|$)/;

/** `SECRET_ARN` names a secret, it does not hold one. */
const REFERENCE =
  /_(ARN|NAME|ID|IDS|PATH|FILE|URL|URI|HEADER|TYPE|ENABLED|ISSUER|AUDIENCE|TTL|TIMEOUT|EXPIRY|LENGTH|LIMIT|REGION|VERSION|ALGORITHM)$/;

const VALUES = [
  /\b(AKIA|ASIA)[0-9A-Z]{16}\b/,
  /-----BEGIN [A-Z ]*PRIVATE KEY-----/,
  /\bgh[pousr]_[A-Za-z0-9]{30,}/,
  /\bgithub_pat_[A-Za-z0-9_]{30,}/,
  /\bxox[abeprs]-[A-Za-z0-9-]{10,}/,
  /\b[rs]k_live_[A-Za-z0-9]{10,}/,
  /\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\./,
  /\b[a-z][a-z0-9+.-]{0,30}:\/\/[^\s/:@]+:[^\s/@]+@/i,
];

/** True for `DB_PASSWORD`, `apiKey`, `GITHUB_TOKEN`; false for `SECRET_ARN`, `MAX_TOKENS`. */
export function looksSecretName(name: string): boolean {
  const snake = name
    .slice(0, 256)
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replace(/[-.]/g, '_')
    .toUpperCase();
  return NAME.test(snake) && !REFERENCE.test(snake);
}

/** True when the value has the shape of a known token, a private key or a URL with a password in it. */
export function looksSecretValue(value: string): boolean {
  const head = value.slice(0, 8192);
  return VALUES.some((shape) => shape.test(head));
}

/** Names alone are not enough: `TOKEN: ""` and `SECRET: "false"` hide nothing. */
export function looksSecret(name: string, value: string): boolean {
  if (looksSecretValue(value)) return true;
  return looksSecretName(name) && !/^(true|false|on|off|yes|no|none|\d{1,4})?$/i.test(value);
}
