import t from 'tap';
import { InProcessDaemon } from '../../xenstore-sim/client/in-process.js';
import { XenstoreClient } from '../../xenstore-sim/client/index.js';
import { Daemon } from '../../xenstore-sim/daemon.js';
import { C_4_17, C_4_22, OCAML_4_17, Store } from '../../xenstore-sim/index.js';
import { clientStory } from '../support/xenstore-client-story.js';

const DAEMONS = [
  ['c', C_4_17],
  ['c-4.22', C_4_22],
  ['ocaml', OCAML_4_17],
] as const;

for (const [kind, policy] of DAEMONS) {
  t.test(`every operation, with the simulated ${kind}`, async (t) => {
    const daemon = new Daemon(Store.empty(policy));
    const host = new InProcessDaemon(daemon);
    const connect = (): Promise<XenstoreClient> =>
      XenstoreClient.connect(host.transport(), { timeoutMilliseconds: 5000 });
    await clientStory(t, connect, kind, { createDomain: (domid) => daemon.domainCreated(domid) });
  });
}
