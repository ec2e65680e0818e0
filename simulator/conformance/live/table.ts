/**
 * How what a live system does is found in the simulator. What is not in the table goes by its own name; nothing else is
 * left out, put in, or taken together.
 */
import { DomainNode } from '../../../protocol/xenbus.js';
import type { LiveEvent } from './events.js';
import type { LiveWorld } from './live-world.js';

/** What is done in the simulated world. */
export type Act =
  /** The choice of this name. */
  | { readonly step: string }
  /** The first choice whose name begins like this and has not been tried. */
  | { readonly eachStep: string }
  /** The choice `repeat`, as often as it takes until `until` can be chosen, a few times at most. */
  | { readonly repeat: string; readonly until: string }
  /** Something for which no world has a choice; with `earlier` it is over before the step that is compared begins. */
  | { readonly own: string; readonly run: (world: LiveWorld) => void; readonly earlier?: true }
  /** The same, which must change nothing, and is no step of the schedule therefore. */
  | { readonly look: (world: LiveWorld) => void }
  /** The look where it changes nothing, else the step. */
  | { readonly look: (world: LiveWorld) => void; readonly elseStep: string }
  /** Nothing can: the simulator has nothing like it here, and why. */
  | { readonly impossible: string };

export interface Way {
  readonly acts: readonly Act[];
  /** Whether what is recorded is compared with the acts. */
  readonly compared: boolean;
}

export interface Row {
  /** What is recorded; `N` is the number of the guest. */
  readonly live: string;
  readonly simulated: string;
  readonly reason: string;
  readonly pattern: RegExp;
  /** In the order in which they are tried. `slot` counts from 0. */
  readonly ways: (event: LiveEvent, world: LiveWorld, slot: number) => readonly Way[];
}

const NOTHING: Way = { acts: [], compared: false };
const steps = (...names: readonly string[]): Way => ({ acts: names.map((step) => ({ step })), compared: false });
const impossible = (why: string): readonly Way[] => [{ acts: [{ impossible: why }], compared: false }];
const compared = (...acts: readonly Act[]): Way => ({ acts, compared: true });

const notified = (slot: number): Way => ({
  acts: [{ own: `live/guest${slot + 1} notifies and dies`, run: (it) => it.notify(slot) }],
  compared: false,
});

const RESTORED = ['create_target', 'restore_memory', 'restore_vtpm', 'create_vtpm'].map((step) => ({
  step: `toolstack.run/${step}`,
}));

const endsBackend = (slot: number): Act => ({
  own: `live/tpmback${slot + 1} ends with its guest`,
  run: (it) => it.endBackend(slot),
  earlier: true,
});

const startsBackend = (slot: number): Act => ({
  own: `live/tpmback${slot + 1} begins for another guest`,
  run: (it) => it.startBackend(slot),
});

const leftBehind = (slot: number): Way => ({
  acts: [
    { step: 'toolstack.run/close_old_source' },
    { repeat: `tpmback${slot + 1}/watches`, until: 'toolstack.run/await_old_source_closed' },
    { step: 'toolstack.run/await_old_source_closed' },
  ],
  compared: false,
});

const takenAway = (slot: number): Way => ({
  acts: [{ own: `live/guest${slot + 1} is taken away`, run: (it) => it.takeAway(slot) }],
  compared: false,
});

const givenUp = (slot: number): Way => ({
  acts: [
    { own: 'live/toolstack gives up', run: (it) => it.giveUp() },
    { step: 'toolstack.successor/look' },
    { repeat: `tpmback${slot + 1}/watches`, until: 'toolstack.successor/await_target_closed' },
    { step: 'toolstack.successor/await_target_closed' },
  ],
  compared: false,
});

const resumesStore = (name: string, world: LiveWorld, slot: number): readonly Act[] => [
  ...(world.registersAgain(slot)
    ? [
        {
          own: `live/guest${slot + 1} registers its watches once more`,
          run: (it: LiveWorld) => it.forgetWatches(slot),
          earlier: true as const,
        },
      ]
    : []),
  { step: name },
];

const ofCut = (step: string, world: LiveWorld, slot: number): readonly Act[] =>
  step.endsWith('.kernel/xs_resume') ? resumesStore(step, world, slot) : [{ step }];

export const TABLE: readonly Row[] = [
  {
    live: 'guestN/boot',
    simulated: 'nothing',
    reason: 'the world is made with its guest booted; the next guest boots nothing, its memory has come',
    pattern: /^(guest\d\/boot|supervisor\/renew guest\d)$/,
    ways: () => [NOTHING],
  },
  {
    live: 'tpmbackN/start',
    simulated: 'nothing; where tpmbackN had another guest, it is ended and started',
    reason:
      'the world is made with its backends started; the process of a live backend ends with its guest, a simulated one ' +
      'waits for the next',
    pattern: /^(tpmback\d\/start|supervisor\/renew tpmback\d)$/,
    ways: ({ name }, world, slot) => [
      name.endsWith('/start') && world.backendLives(slot) ? NOTHING : compared(endsBackend(slot), startsBackend(slot)),
    ],
  },
  {
    live: 'guestN.user/write',
    simulated: 'nothing',
    reason: 'a system call hands a command down; the simulated user has all of them from the beginning',
    pattern: /^guest\d\.user\/write$/,
    ways: () => [NOTHING],
  },
  {
    live: 'guestN.user/issue that takes no command',
    simulated: 'nothing',
    reason: "the live user's task ends after each command, the simulated one's after the last",
    pattern: /^guest\d\.user\/issue$/,
    ways: (event) => [event.details.command === undefined && !event.open ? NOTHING : compared({ step: event.name })],
  },
  {
    live: 'tpmbackN/watches',
    simulated: 'a look that changes nothing, or the same',
    reason: 'a live backend hears of watch events one by one, a simulated one takes all that wait in one step',
    pattern: /^tpmback\d\/watches$/,
    // Whatever waits, it looks at the same: where that changes nothing, events that go on waiting allow more, and forbid nothing.
    ways: (event, _world, slot) => [compared({ look: (world) => world.lookAgain(slot), elseStep: event.name })],
  },
  {
    live: 'guestN.xenwatch/...',
    simulated: 'the same, or a look that changes nothing',
    reason: 'a live client whose connection is made anew is told again what it may know',
    pattern: /^guest\d\.xenwatch\//,
    ways: (event, _world, slot) => [
      compared({ step: event.name }),
      compared({ look: (world) => world.watchAgain(slot, event.name) }),
    ],
  },
  {
    live: 'guestN.tpmfront.receive/poll, guestN.kernel/freeze_tasks',
    simulated: 'the same, or after the time of a limit of that guest has passed',
    reason: 'live limits go by the clock; simulated time passes when nothing else can happen',
    pattern: /^guest\d\.(tpmfront\.receive\/poll|kernel\/freeze_tasks)$/,
    ways: (event, _world, slot) => [
      compared({ step: event.name }),
      compared({ own: `live/time passes for guest${slot + 1}`, run: (it) => it.passTime(slot) }, { step: event.name }),
    ],
  },
  {
    live: 'toolstack.run/await_backend',
    simulated: 'the same; nothing before the guest first runs',
    reason: 'the world is made with its guest booted',
    pattern: /^toolstack\.run\/await_backend$/,
    ways: (event, world) => [world.targetExists ? steps(event.name) : NOTHING],
  },
  {
    live: 'toolstack.run/request_suspend',
    simulated: 'the same, after the toolstack was told anew, and of a guest that has moved the other way round',
    reason: 'a simulated toolstack is told once what to do, a live one as often as anybody likes',
    pattern: /^toolstack\.run\/request_suspend$/,
    ways: (event, world) => [
      world.toolstackStands
        ? {
            acts: [{ own: 'live/toolstack is told', run: (it) => it.tellToolstack() }, { step: event.name }],
            compared: false,
          }
        : steps(event.name),
    ],
  },
  {
    live: 'toolstack/restore guestN',
    simulated:
      'create_target, restore_memory, restore_vtpm, create_vtpm; tpmbackN ends before, if it had another guest',
    reason: 'the live target is made before the guest suspends, and nothing runs there before its memory has come',
    pattern: /^toolstack\/restore guest\d$/,
    ways: (_event, world, slot) => {
      if (slot !== world.target) return impossible(`the guest moves to guest${world.target + 1}`);
      const before = world.backendUsed(slot) ? [endsBackend(slot)] : [];
      return [{ acts: [...before, ...RESTORED], compared: false }];
    },
  },
  {
    live: 'toolstack/unpause guestN',
    simulated: 'unpause_target; nothing where it runs',
    reason: 'another name; a successor does again what may have been done',
    pattern: /^toolstack\/unpause guest\d$/,
    ways: (_event, world, slot) => {
      if (world.runs(slot)) return [NOTHING];
      if (slot !== world.target) return impossible(`guest${slot + 1} is not the one that is made`);
      return [steps('toolstack.run/unpause_target')];
    },
  },
  {
    live: 'toolstack/resume guestN',
    simulated: 'resume_source, after the toolstack has given up where it was about to go on; nothing where it runs',
    reason:
      'who cancels and why is not in the plan of a scenario; a successor does again what may have been done; a live ' +
      'toolstack lets the source go on before it takes the target away, a simulated one after',
    pattern: /^toolstack\/resume guest\d$/,
    ways: (_event, world, slot) => {
      if (world.runs(slot)) return [NOTHING];
      if (slot !== world.source || !world.sourceSuspended || world.runs(world.target))
        return impossible(`guest${slot + 1} is not one that was suspended and is to go on`);
      if (world.toolstackResumes) return [steps('toolstack.successor/resume_source')];
      const resumes: Act = { step: 'toolstack.successor/resume_source' };
      if (world.targetExists)
        return [
          {
            acts: [{ own: 'live/toolstack gives up, the target being there', run: (it) => it.giveUpAtOnce() }, resumes],
            compared: false,
          },
        ];
      return [
        {
          acts: [
            { own: 'live/toolstack gives up', run: (it) => it.giveUp() },
            { step: 'toolstack.successor/look' },
            resumes,
          ],
          compared: false,
        },
      ];
    },
  },
  {
    live: 'toolstack/withdraw guestN',
    simulated: 'the request is taken back, and the toolstack stands',
    reason: 'a live toolstack gives up at any moment, a simulated one when a time-out strikes',
    pattern: /^toolstack\/withdraw guest\d$/,
    ways: (_event, world) => [
      world.withdrawable
        ? { acts: [{ own: 'live/toolstack withdraws its request', run: (it) => it.withdraw() }], compared: false }
        : NOTHING,
    ],
  },
  {
    live: 'toolstack/destroy guestN',
    simulated:
      'of the host that the guest has left: close_old_source, tpmbackN/watches as often as needed, ' +
      'await_old_source_closed; of the other: the toolstack gives up, and its successor closes and removes the target; ' +
      'the guest is gone at once where its backend is dead, the target waits to be let run or the source runs already; ' +
      'nothing where there is none',
    reason:
      'a live backend is ended with its guest, a simulated one is asked to close, and nobody is left to see how; the live ' +
      'target is made before the guest suspends, and taken away when the guest stays; a live toolstack goes by its record',
    pattern: /^toolstack\/destroy guest\d$/,
    ways: (_event, world, slot) => {
      if (!world.exists(slot)) return [NOTHING];
      const other = 1 - slot;
      if (
        world.runs(slot) ||
        !(world.exists(other) && (slot === world.target || world.handedOver || world.runs(other)))
      )
        return impossible(`guest${slot + 1} is the one that is to go on`);
      const alone = !world.backendLives(slot) || (slot === world.source ? world.handedOver : world.runs(other));
      if (alone) return [takenAway(slot)];
      return [slot === world.source ? leftBehind(slot) : givenUp(slot)];
    },
  },
  {
    live: 'toolstack/clear tpmbackN',
    simulated: 'nothing',
    reason: 'by then the backend was dead: the end of the interval in which its death lies',
    pattern: /^toolstack\/clear tpmback\d$/,
    ways: () => [NOTHING],
  },
  {
    live: 'a second file of a backend whose guest was not taken away',
    simulated: 'fault/kill tpmbackN, before the step it was cut off in, after any store of it, or after it',
    reason: 'SIGKILL leaves no line',
    pattern: /^fault\/kill tpmback\d$/,
    ways: ({ name, within }) =>
      within === null
        ? [steps(name)]
        : [
            steps(name),
            { acts: [{ eachStep: `${name} in ${within} after store` }], compared: false },
            steps(within, name),
          ],
  },
  {
    live: 'its first step',
    simulated: 'supervisor/restart tpmbackN',
    reason: 'another name',
    pattern: /^supervisor\/restart tpmback\d$/,
    ways: (event) => [compared({ step: event.name })],
  },
  {
    live: 'guestN.kernel/xs_resume',
    simulated:
      'the same; in a new domain, where the watches are registered already, its store connection is made anew before',
    reason:
      'a process that begins registers the watches of its guest; a live client may do so twice, and hears of each once ' +
      'more, a simulated one may not',
    pattern: /^guest\d\.kernel\/xs_resume$/,
    ways: ({ name }, world, slot) => [compared(...resumesStore(name, world, slot))],
  },
  {
    live: 'a step that a guest died in, unless the guest was taken away',
    simulated: 'nothing, as the next process takes it again; or the step; of a notify also its event and no more',
    reason: 'the next process takes back what was not done; whether it was done, and who has been told, is in no line',
    pattern: /^supervisor\/cut guest\d$/,
    ways: ({ within }, world, slot) => [
      ...(within === null ? [] : [{ acts: ofCut(within, world, slot), compared: false }]),
      ...(within?.endsWith('/notify') ? [notified(slot)] : []),
    ],
  },
  {
    live: 'a second file of a guest that was not taken away',
    simulated: 'its store connection is made anew, its watches registered again, one event is spurious',
    reason: 'the process of a live guest may die and its memory stays; a simulated guest has no process',
    pattern: /^supervisor\/restart guest\d$/,
    ways: (event, _world, slot) => {
      const fresh = event.details.store?.some(([, path]) => path === DomainNode.FeatureSuspend) ?? false;
      return [compared({ own: `live/guest${slot + 1} begins anew`, run: (it) => it.restartGuest(slot, fresh) })];
    },
  },
];

/** The ways in which an event can be found, in the order in which they are tried. */
export function waysOf(event: LiveEvent, row: Row | null, world: LiveWorld): readonly Way[] {
  const slot = Number(/(?:guest|tpmback|tpm)(\d)/.exec(event.name)?.[1] ?? 1) - 1;
  const ways = row === null ? [usual(event)] : row.ways(event, world, slot);
  if (!event.open) return ways;
  return ways.map((way) => ({ ...way, compared: false }));
}

function usual({ name }: LiveEvent): Way {
  return name.startsWith('toolstack.') ? steps(name) : compared({ step: name });
}

/** The row that an event falls under; null for one that goes by its name. */
export function rowOf({ name }: LiveEvent): Row | null {
  return TABLE.find(({ pattern }) => pattern.test(name)) ?? null;
}
