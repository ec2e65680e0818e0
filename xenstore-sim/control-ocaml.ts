/** CONTROL as oxenstored 4.17 carries it out (`do_debug` of process.ml): whatever it does not know it has done. */
import type { Draft } from './draft.js';
import { OK, type Reply } from './requests.js';
import { ocamlInteger } from './wire/ocaml-arguments.js';

export function controlOcaml(draft: Draft, name: string, [argument = '']: readonly string[]): Reply {
  const domid = ocamlInteger(argument);
  const domain = domid === undefined ? undefined : draft.domains.get(domid);
  switch (name) {
    case 'quota': {
      if (domid === undefined) return OK;
      const counted = domain === undefined ? 'not set' : `${domain.nodes}/${draft.quota.quota.nodes}`;
      return text(`dom${domid} quota: ${counted}`);
    }
    case 'mfn':
      return domain?.introduced === true ? text(String(domain.gfn)) : OK;
    case 'watches':
      return text(watches(draft));
    default:
      return OK;
  }
}

function watches(draft: Draft): string {
  const lines: string[] = [];
  for (const { id, domid, watches } of draft.connections.items) {
    for (const { path, token } of watches.items)
      lines.push(`watch ${domid === 0 ? `A${id}` : `D${domid}`}: ${path.text} ${token}\n`);
  }
  return lines.join('');
}

function text(value: string): Reply {
  return { kind: 'value', value };
}
