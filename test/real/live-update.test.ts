/** CONTROL live-update: the real daemons replace themselves, and so does ours; their clients hear the same. */
import t from 'tap';
import { LIVE_UPDATE_LINES, liveUpdateStory } from '../support/live-update-story.js';
import { OCAML_LIVE_UPDATE_LINES, ocamlLiveUpdateStory } from '../support/ocaml-live-update-story.js';
import { startQuiesceServer } from './quiesce-server.js';
import { startRealDaemon } from './real-daemon.js';
import { runTool } from './run-tool.js';
import { DAEMON_PROGRAMS } from './toolbox.js';

const STARTS = [
  ['the real C daemon', () => startRealDaemon('c')],
  ['quiesce xenstored', () => startQuiesceServer('c')],
] as const;

for (const [name, start] of STARTS) {
  t.test(`${name}: to the byte as recorded`, async (t) => {
    const daemon = await start();
    t.teardown(() => daemon.stop());
    t.strictSame(await liveUpdateStory(daemon.socketPath, DAEMON_PROGRAMS.c), LIVE_UPDATE_LINES);
  });

  t.test(`${name}: xenstore-control live-update`, async (t) => {
    const daemon = await start();
    t.teardown(() => daemon.stop());
    const run = (...command: string[]) => runTool(command, daemon.socketPath);
    await run('xenstore-write', '/kept', 'value');
    t.strictSame(await run('xenstore-control', 'live-update', '-t', '5', DAEMON_PROGRAMS.c), {
      rc: 0,
      stdout: '',
      stderr: '',
    });
    t.match(await run('xenstore-read', '/kept'), { rc: 0, stdout: 'value\n' });
    t.match(await run('xenstore-control', 'live-update', '/etc/passwd'), { rc: 3, stderr: /File not executable\./ });
  });
}

const OCAML_STARTS = [
  ['oxenstored', () => startRealDaemon('ocaml')],
  ['quiesce xenstored as oxenstored', () => startQuiesceServer('ocaml')],
] as const;

for (const [name, start] of OCAML_STARTS) {
  t.test(`${name}: as recorded, and xenstore-control live-update`, async (t) => {
    const daemon = await start();
    t.teardown(() => daemon.stop());
    t.strictSame(await ocamlLiveUpdateStory(daemon.socketPath, DAEMON_PROGRAMS.ocaml), OCAML_LIVE_UPDATE_LINES);
    const run = (...command: string[]) => runTool(command, daemon.socketPath);
    const done = { rc: 0, stdout: '', stderr: '' };
    t.strictSame(await run('xenstore-control', 'live-update', '-t', '5', DAEMON_PROGRAMS.ocaml), done);
    t.match(await run('xenstore-read', '/half/way'), { rc: 0, stdout: 'after\n' });
    t.match(await run('xenstore-control', 'live-update', '/etc/passwd'), { rc: 3, stderr: /exited with code 2/ });
  });
}
