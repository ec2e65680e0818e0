/**
 * Addresses of a Redis server:
 *
 *     redis://[[user]:password@]host[:port][/database]      rediss:// the same over TLS
 *     unix:///path/of/socket[?db=database]
 *
 * A password that is not in the address comes from the variable REDISCLI_AUTH, as for redis-cli. It is never shown.
 */
import { QuiesceError } from '../../protocol/errors.js';

export interface RedisAddress {
  readonly options: {
    readonly host?: string;
    readonly port?: number;
    readonly path?: string;
    readonly db: number;
    readonly username?: string;
    readonly password?: string;
    readonly tls?: Readonly<Record<string, never>>;
  };
  /** The address without its password, for messages. */
  readonly shown: string;
}

const USUAL_PORT = 6379;
const DATABASES_MAX = 65_535;

/** Throws `USAGE` for what is no address. */
export function parseRedisAddress(text: string, password?: string): RedisAddress {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url?.protocol === 'unix:') return unixAddress(url, text, password);
  if (url === null || (url.protocol !== 'redis:' && url.protocol !== 'rediss:') || url.hostname === '')
    throw wrong(text);
  const own = decoded(url.password, text);
  const username = decoded(url.username, text);
  const secret = own === '' ? password : own;
  const port = url.port === '' ? USUAL_PORT : Number(url.port);
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  return {
    options: {
      host,
      port,
      db: database(url.pathname.slice(1), text),
      ...(username === '' ? {} : { username }),
      ...(secret === undefined ? {} : { password: secret }),
      ...(url.protocol === 'rediss:' ? { tls: {} } : {}),
    },
    shown: `${url.protocol}//${url.host}${url.pathname === '/' ? '' : url.pathname}`,
  };
}

function unixAddress(url: URL, text: string, password: string | undefined): RedisAddress {
  const path = decoded(url.pathname, text);
  if (url.host !== '' || path.length < 2) throw wrong(text);
  const options = { path, db: database(url.searchParams.get('db') ?? '', text) };
  return { options: password === undefined ? options : { ...options, password }, shown: text };
}

function database(digits: string, text: string): number {
  if (digits === '') return 0;
  if (!/^[0-9]{1,5}$/.test(digits) || Number(digits) > DATABASES_MAX) throw wrong(text);
  return Number(digits);
}

function decoded(part: string, text: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw wrong(text);
  }
}

function wrong(text: string): QuiesceError {
  const shown = text.replace(/\/\/[^/@]*@/, '//***@');
  return new QuiesceError(
    'USAGE',
    `--redis: expected redis://host:port, rediss://host:port or unix:///path/of/socket, found '${shown}'`,
  );
}
