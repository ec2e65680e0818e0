/**
 * `npm run bench`: all parts, or those named (`npm run bench -- xenstore`).
 *
 * Speed is stated as a ratio against a peer in the same run, because absolute figures move with the machine.
 */
import { availableParallelism, cpus } from 'node:os';
import { benchExplorer } from './explorer.js';
import { print } from './figures.js';
import { benchFuzz } from './fuzz.js';
import { benchIdentity } from './identity.js';
import { benchLive } from './live.js';
import { benchLiveTpm } from './live-tpm.js';
import { benchMutants } from './mutants/bench.js';
import { benchScale } from './scale.js';
import { benchSpin } from './spin.js';
import { benchXenstore } from './xenstore/xenstore.js';

const PARTS: Readonly<Record<string, () => void | Promise<void>>> = {
  explorer: benchExplorer,
  spin: benchSpin,
  fuzz: benchFuzz,
  identity: benchIdentity,
  live: benchLive,
  'live-tpm': benchLiveTpm,
  mutants: benchMutants,
  scale: benchScale,
  xenstore: benchXenstore,
};

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !(name in PARTS));
if (unknown.length > 0) {
  process.stderr.write(`bench: expected ${Object.keys(PARTS).join(' or ')}, found ${unknown.join(', ')}\n`);
  process.exitCode = 2;
} else {
  print(
    `quiesce bench: Node ${process.version}, ${availableParallelism()} x ${cpus()[0]?.model ?? 'unknown processor'}`,
  );
  for (const [name, part] of Object.entries(PARTS)) {
    if (wanted.length > 0 && !wanted.includes(name)) continue;
    await part();
    print('');
  }
}
