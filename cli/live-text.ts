/**
 * What `quiesce live` shows a person.
 */
import type { LiveStatus, PartStatus } from '../live/toolstack/status.js';
import { coloursOf, type Terminal } from './terminal.js';

export function upText(found: LiveStatus, terminal: Terminal): string {
  const { bold } = coloursOf(terminal);
  const how =
    found.parts === 'processes'
      ? 'each part is a process'
      : 'each part is a thread: koffi, by which processes share memory, is not installed or was not wanted';
  return [
    `the guest runs on host ${found.owner} with tpmfront ${found.tpmfront}; ${how}`,
    `xenstored: ${found.hosts.find(({ name }) => name === found.owner)?.store}`,
    '',
    `  ${bold(`export TPM2TOOLS_TCTI=${found.tcti}`)}`,
    '',
  ].join('\n');
}

export function statusText(found: LiveStatus, terminal: Terminal): string {
  const { bold, dim, green, red } = coloursOf(terminal);
  const verdict = found.exactlyOnce
    ? green('each command once and in order')
    : red('not what the guest issued: exactly-once does not hold');
  const lines = [
    `guest on host ${bold(found.owner)}${found.migrating ? ', moving' : ''}${found.suspended ? ', suspended' : ''}`,
    `tpm ${found.tpm}, tpmfront ${found.tpmfront}, TPM2TOOLS_TCTI=${found.tcti}`,
    `commands: ${found.issued} issued, ${found.executed} executed, ${found.answered} answered: ${verdict}`,
    '',
    partLine('user', found.user, dim),
  ];
  for (const host of found.hosts) {
    if (!host.parts.some(({ running }) => running)) continue;
    lines.push(`host ${host.name}: guest ${host.guest}, xenstored ${host.store}`);
    for (const part of host.parts) lines.push(partLine(`  ${part.name}`, part, dim));
  }
  return `${lines.join('\n')}\n`;
}

function partLine(name: string, { running, pid, restarts }: PartStatus, dim: (text: string) => string): string {
  const how = !running ? dim('not running') : pid === 0 ? 'thread' : `process ${pid}`;
  const again = restarts === 0 ? '' : `, started again ${restarts} ${restarts === 1 ? 'time' : 'times'}`;
  return `${name.padEnd(12)} ${how}${again}`;
}
