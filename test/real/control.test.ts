/** CONTROL: what an administrator is told is what the real daemons say, but for figures that are not counted here. */
import t from 'tap';
import { XsType } from '../../protocol/xs-wire.js';
import { RawClient } from '../support/raw-xenstore-client.js';
import { withoutFigures } from '../support/xenstore-transcript.js';
import { startQuiesceServer } from './quiesce-server.js';
import { startRealDaemon } from './real-daemon.js';
import { DAEMON_KINDS } from './toolbox.js';

const COMMANDS: readonly (readonly string[])[] = [
  ['help'],
  ['help', 'x'],
  ['check'],
  ['check', 'x'],
  ['log'],
  ['log', 'off'],
  ['log', 'maybe'],
  ['log', 'on', 'x'],
  ['logfile'],
  ['memreport'],
  ['memreport', 'x', 'y'],
  ['print', 'words'],
  ['print'],
  ['quota'],
  ['quota-soft'],
  ['quota-soft', 'x'],
  ['quota', 'set', 'nodes', '12x'],
  ['quota', 'set', 'nodes', '0'],
  ['quota', 'set', 'nodes', '-1'],
  ['quota', 'set', 'nodes', 'many'],
  ['quota', 'set', 'nodes'],
  ['quota', 'set', 'nodes', '1', '2'],
  ['quota', 'set', 'path-max', '77'],
  ['quota', 'set', 'permissions', '3'],
  ['quota', 'set', 'node-permissions', '3'],
  ['quota', 'set', 'memory', '5000000'],
  ['quota-soft', 'set', 'memory', '4000000'],
  ['quota-soft', 'set', 'nodes', '4'],
  ['quota', 'max'],
  ['quota'],
  ['quota-soft'],
  ['quota', '0'],
  ['quota', '0x0'],
  ['quota', 'x'],
  ['quota', '5'],
  ['quota', '-1'],
  ['quota', '5', '6'],
  ['mfn', '0'],
  ['mfn', '5'],
  ['mfn'],
  ['xenbus', '5'],
  ['nonsense'],
  [''],
];

for (const kind of DAEMON_KINDS) {
  t.test(`${kind}: each command is answered as the real daemon answers it`, async (t) => {
    const heard: string[][] = [];
    for (const start of [startRealDaemon, startQuiesceServer]) {
      const daemon = await start(kind);
      t.teardown(() => daemon.stop());
      const client = await RawClient.connect(daemon.socketPath);
      const answers: string[] = [];
      for (const words of COMMANDS) {
        const answer = await client.ask(XsType.CONTROL, [...words, ''].join('\0'));
        answers.push(`${words.join(' ')}: ${withoutFigures(answer)}`);
      }
      heard.push(answers);
      client.close();
    }
    t.strictSame(heard[1], heard[0]);
  });
}
