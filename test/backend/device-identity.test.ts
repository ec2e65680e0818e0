import t from 'tap';
import {
  compareIdentity,
  type DeviceIdentity,
  IDENTITY_FORMS,
  identityNodes,
  identityRemovals,
  identityText,
  identityWrites,
  mismatchText,
} from '../../backend/device-identity.js';
import { publishIdentity, publishIdentityOver, readIdentity, withdrawIdentity } from '../../backend/identity-nodes.js';
import { backendPath } from '../../protocol/xenbus.js';
import { InProcessDaemon } from '../../xenstore-sim/client/in-process.js';
import { XenstoreClient } from '../../xenstore-sim/client/index.js';
import { Daemon } from '../../xenstore-sim/daemon.js';
import { C_4_17, Store } from '../../xenstore-sim/index.js';

const BOOT = '1b4e28ba-2fa1-41d2-883f-0016d3cca427';
const OTHER_BOOT = '00000000-0000-4000-8000-000000000002';
const VBD = backendPath({ backend: 0, frontend: 1, handle: 51712, kind: 'vbd' });
const VTPM = backendPath({ backend: 0, frontend: 1, handle: 0 });

const loop3: DeviceIdentity = { major: 7, minor: 3, diskseq: 0x1fn, bootId: BOOT };
const bare: DeviceIdentity = { ...loop3, diskseq: null, bootId: null };

/** A store of values, which notes what is done and in which transaction. */
class NotingStore {
  readonly nodes = new Map<string, string>();
  readonly notes: string[] = [];
  #open = 0;

  read(path: string): string | null {
    return this.nodes.get(path) ?? null;
  }

  write(path: string, value: string): void {
    this.nodes.set(path, value);
    this.#note(`write ${path.replace(/.*\//, '')}`);
  }

  remove(path: string): void {
    this.nodes.delete(path);
    this.#note(`remove ${path.replace(/.*\//, '')}`);
  }

  transaction(body: () => void): void {
    this.#open = this.notes.push('begin');
    body();
    this.#open = 0;
    this.notes.push('end');
  }

  #note(text: string): void {
    this.notes.push(this.#open === 0 ? `outside: ${text}` : text);
  }

  child(directory: string, node: string): string | null {
    return this.read(`${directory}/${node}`);
  }
}

t.test('the watched node is written last and removed first, in every form', async (t) => {
  for (const form of IDENTITY_FORMS) {
    const paths = identityNodes(loop3, { form, path: '/dev/loop3' }).map(({ path }) => path);
    t.equal(paths.at(-1), 'physical-device', form);
    t.equal(new Set(paths).size, paths.length);
    for (const path of paths) t.ok(identityRemovals('d').includes(`d/${path}`), `${path} is removed too`);
  }
  t.equal(identityRemovals(VBD)[0], `${VBD}/physical-device`);
});

t.test('each form puts the sequence number where its readers look', async (t) => {
  const boot = { path: 'physical-device-boot-id', value: BOOT };
  const device = { path: 'physical-device', value: '7:3' };
  t.strictSame(identityNodes(loop3), [boot, { path: 'physical-device-uuid', value: '1f' }, device]);
  t.strictSame(identityNodes(loop3, { form: 'diskseq' }), [boot, { path: 'diskseq', value: '1f' }, device]);
  t.strictSame(identityNodes(loop3, { form: 'physical-device' }), [boot, { path: 'physical-device', value: '1f@7:3' }]);
  for (const form of IDENTITY_FORMS)
    t.strictSame(identityNodes(bare, { form }), [device], 'what is unknown is not written');
  t.strictSame(identityWrites(VBD, bare, { path: '/dev/loop3' }), [
    { path: `${VBD}/physical-device-path`, value: '/dev/loop3' },
    { path: `${VBD}/physical-device`, value: '7:3' },
  ]);
});

t.test('what is published is read back, for a disk and for the state of a vTPM alike', async (t) => {
  for (const directory of [VBD, VTPM]) {
    for (const form of IDENTITY_FORMS) {
      for (const identity of [loop3, bare, { ...loop3, bootId: null }]) {
        const store = new NotingStore();
        t.equal(readIdentity(store, directory, form), null, 'nothing yet');
        t.equal(publishIdentity(store, directory, identity, { form }), 'written');
        t.strictSame(readIdentity(store, directory, form), { ok: true, value: identity }, `${form} in ${directory}`);
        withdrawIdentity(store, directory);
        t.equal(store.nodes.size, 0);
        t.notMatch(store.notes, [/outside/]);
      }
    }
  }
});

t.test('everything is written in one transaction', async (t) => {
  const store = new NotingStore();
  publishIdentity(store, VBD, loop3);
  t.strictSame(store.notes, [
    'begin',
    'write physical-device-boot-id',
    'write physical-device-uuid',
    'write physical-device',
    'end',
  ]);
  store.notes.length = 0;
  withdrawIdentity(store, VBD);
  t.strictSame(store.notes, [
    'begin',
    'remove physical-device',
    'remove physical-device-uuid',
    'remove physical-device-boot-id',
    'end',
  ]);
});

t.test('race 20: a script that is called twice changes nothing the second time', async (t) => {
  const store = new NotingStore();
  publishIdentity(store, VBD, loop3);
  const before = new Map(store.nodes);
  t.equal(publishIdentity(store, VBD, { ...loop3, diskseq: 0x20n }), 'taken');
  t.strictSame(store.nodes, before);
});

t.test('race 5: an identity that a killed script left is not joined to the next device', async (t) => {
  const store = new NotingStore();
  store.write(`${VBD}/physical-device-uuid`, '5');
  store.write(`${VBD}/diskseq`, '5');
  store.write(`${VBD}/physical-device-boot-id`, OTHER_BOOT);
  t.equal(readIdentity(store, VBD), null, 'no device, no claim');
  t.equal(publishIdentity(store, VBD, { ...loop3, bootId: null }, { form: 'diskseq' }), 'written');
  t.strictSame([...store.nodes.keys()].sort(), [`${VBD}/diskseq`, `${VBD}/physical-device`]);
  t.equal(store.child(VBD, 'diskseq'), '1f');
});

t.test('a malformed node refuses the whole claim and is named', async (t) => {
  const cases = [
    ['physical-device', '7', 'one-number'],
    ['physical-device-uuid', '', 'empty'],
    ['physical-device-uuid', '01', 'leading-zero'],
    ['physical-device-boot-id', 'x', 'junk'],
  ] as const;
  for (const [node, value, code] of cases) {
    const store = new NotingStore();
    publishIdentity(store, VBD, loop3);
    store.write(`${VBD}/${node}`, value);
    t.match(readIdentity(store, VBD), { ok: false, refusal: { code, node } });
  }
  const other = new NotingStore();
  publishIdentity(other, VBD, loop3, { form: 'diskseq' });
  other.write(`${VBD}/diskseq`, 'g');
  t.match(readIdentity(other, VBD, 'diskseq'), { ok: false, refusal: { code: 'junk', node: 'diskseq' } });
  const store = new NotingStore();
  publishIdentity(store, VBD, loop3, { form: 'physical-device' });
  t.match(
    readIdentity(store, VBD),
    { ok: false, refusal: { code: 'junk' } },
    'a reader of another form does not guess',
  );
  store.write(`${VBD}/physical-device`, '0@7:3');
  t.match(readIdentity(store, VBD, 'physical-device'), { ok: false, refusal: { code: 'zero' } });
});

t.test('an identity is the same only when all that was claimed is', async (t) => {
  const fieldOf = (claimed: Partial<DeviceIdentity>, found: Partial<DeviceIdentity> = {}): string | undefined =>
    compareIdentity({ ...loop3, ...claimed }, { ...loop3, ...found })?.field;
  t.equal(fieldOf({}), undefined);
  t.equal(fieldOf({ minor: 4 }), 'device');
  t.equal(fieldOf({ major: 8 }), 'device');
  t.equal(fieldOf({}, { diskseq: 0x20n }), 'diskseq', 'race 1: the number was used again');
  t.equal(fieldOf({ diskseq: 2n ** 63n }, { diskseq: 2n ** 63n + 1n }), 'diskseq', 'all 64 bits count');
  t.equal(fieldOf({}, { diskseq: null }), 'diskseq', 'a kernel that does not tell proves nothing');
  t.equal(fieldOf({}, { bootId: OTHER_BOOT }), 'bootId', 'race 34: the same numbers after a reboot');
  t.equal(fieldOf({ bootId: null }, { bootId: OTHER_BOOT }), undefined, 'which a claim without boot id lets pass');
  t.equal(fieldOf({}, { bootId: null }), undefined);
  t.equal(fieldOf({ diskseq: null }, { diskseq: 0x20n }), undefined, 'race 4: without a claim nothing is checked');
});

t.test('a mismatch names what was expected and what was found', async (t) => {
  const textOf = (found: Partial<DeviceIdentity>): string => {
    const mismatch = compareIdentity({ ...loop3, bootId: null }, { ...loop3, bootId: null, ...found });
    return mismatch === null ? '' : mismatchText(mismatch);
  };
  t.equal(
    textOf({ diskseq: 0x21n }),
    'expected device 7:3, diskseq 1f, found 7:3, diskseq 21: the device was removed, or its medium changed, ' +
      'after the block script had looked at it; nothing was exported, attach the disk again (ENODEV)',
  );
  t.match(textOf({ diskseq: null }), 'found 7:3, diskseq unknown: ');
  t.match(textOf({ minor: 26 }), 'found 7:1a, diskseq 1f: the nodes name another device; ');
  t.equal(identityText(loop3), `7:3, diskseq 1f, boot ${BOOT}`);
});

t.test('a real client publishes the same nodes; a watcher sees them all at once', async (t) => {
  const daemon = new InProcessDaemon(new Daemon(Store.empty(C_4_17)));
  const script = await XenstoreClient.connect(daemon.transport());
  const backend = await XenstoreClient.connect(daemon.transport());
  t.teardown(() => {
    script.close();
    backend.close();
  });
  await script.mkdir(VBD);
  await script.write(`${VBD}/diskseq`, '5');
  const seen: string[][] = [];
  const fired = new Promise<void>((resolve) => {
    void backend.watch(`${VBD}/physical-device`, async () => {
      seen.push((await backend.directory(VBD)).sort());
      if (seen.length === 2) resolve();
    });
  });
  // The watch fires at its registration, before there is anything.
  while (seen.length === 0) await backend.exists(VBD);
  t.equal(await publishIdentityOver(script, VBD, loop3, { path: '/dev/loop3' }), 'written');
  await fired;
  const all = ['physical-device', 'physical-device-boot-id', 'physical-device-path', 'physical-device-uuid'];
  t.strictSame(seen, [['diskseq'], all]);
  t.equal(await script.readText(`${VBD}/physical-device-uuid`), '1f');
  t.equal(await publishIdentityOver(script, VBD, { ...loop3, diskseq: 9n }), 'taken');
  t.equal(await script.readText(`${VBD}/physical-device-uuid`), '1f');
});
