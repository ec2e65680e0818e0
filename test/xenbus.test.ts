import t from 'tap';
import {
  backendPath,
  DeviceNode,
  domainPath,
  errorPath,
  formatXenbusState,
  frontendPath,
  parseXenbusState,
  shutdownPath,
  XenbusState,
  xenbusStateName,
} from '../protocol/xenbus.js';

t.test('states have the numbers of the header', async (t) => {
  t.strictSame(XenbusState, {
    Unknown: 0,
    Initialising: 1,
    InitWait: 2,
    Initialised: 3,
    Connected: 4,
    Closing: 5,
    Closed: 6,
    Reconfiguring: 7,
    Reconfigured: 8,
  });
  for (const [name, state] of Object.entries(XenbusState)) t.equal(xenbusStateName(state), name);
  t.equal(xenbusStateName(9), 'state 9');
});

t.test('every state survives the way through a node', async (t) => {
  for (const state of Object.values(XenbusState)) {
    t.equal(formatXenbusState(state), `${state}`);
    t.equal(parseXenbusState(formatXenbusState(state)), state);
  }
});

t.test('a node that is missing or malformed reads as Unknown', async (t) => {
  for (const text of [null, undefined, '', '9', '10', '-1', '04', '4 ', ' 4', '4\n', '4\0', 'Connected', '٤']) {
    t.equal(parseXenbusState(text), XenbusState.Unknown, JSON.stringify(text));
  }
});

t.test('directories are those libxl makes', async (t) => {
  const device = { frontend: 5, backend: 2, handle: 1 };
  t.equal(frontendPath(device), '/local/domain/5/device/vtpm/1');
  t.equal(backendPath(device), '/local/domain/2/backend/vtpm/5/1');
  const disk = { frontend: 5, backend: 0, handle: 51712, kind: 'vbd' } as const;
  t.equal(frontendPath(disk), '/local/domain/5/device/vbd/51712');
  t.equal(backendPath(disk), '/local/domain/0/backend/vbd/5/51712');
  t.equal(domainPath(0), '/local/domain/0');
  t.equal(shutdownPath(5), '/local/domain/5/control/shutdown');
  t.equal(errorPath(5, 'device/vtpm/0'), '/local/domain/5/error/device/vtpm/0/error');
});

t.test('nodes are spelled as on the bus', async (t) => {
  const names: readonly string[] = Object.values(DeviceNode);
  t.equal(new Set(names).size, names.length, 'each once');
  for (const name of [
    'state',
    'handle',
    'ring-ref',
    'event-channel',
    'feature-protocol-v2',
    'backend',
    'backend-id',
    'frontend',
    'frontend-id',
    'online',
    'uuid',
    'resume',
    'ready',
    'hotplug-status',
    'instance',
    'pref_instance',
  ]) {
    t.ok(names.includes(name), name);
  }
});
