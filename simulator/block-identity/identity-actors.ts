/**
 * Everything that can happen next in an exploration of the device identity, each with a name.
 */
import { ALL_AGENTS } from '../../hypervisor/journaled-memory.js';
import type { Task } from '../../hypervisor/steps.js';
import { formatXenbusState, parseXenbusState, XenbusState } from '../../protocol/xenbus.js';
import { type Actor, actor, TaskActor } from '../actors.js';
import { DomainIs, type IdentityHost } from './host.js';
import { Content, SLOTS } from './kernel.js';
import type { GuestParts, IdentityMachine } from './machine.js';
import { Others } from './others.js';

export function identityActors({ host, guests }: IdentityMachine): readonly Actor[] {
  const [first] = guests as readonly [GuestParts];
  const others = new Others(host, first);
  return [
    ...guests.flatMap((parts) => guestActors(host, parts, guests.length === 1 ? '' : String(parts.guest))),
    ...scriptKills(host, guests, others),
    ...others.actors(),
    ...(host.setting.plan === 'reboot-host' ? bootActors(host) : []),
    ...(host.setting.kernel.clear === 'deferred' ? detachActors(host) : []),
  ];
}

/** `suffix` tells the toolstack of this guest from others. */
function guestActors(host: IdentityHost, parts: GuestParts, suffix: string): readonly Actor[] {
  const { guest, backend, toolstack, scripts } = parts;
  const { world } = host;
  const { store, paths } = toolstack.place;
  const truth = host.truth(guest);
  const tasks = (owner: string, list: readonly unknown[]): readonly Actor[] =>
    (list as readonly Task<never>[]).map((task) => new TaskActor({ owner, agents: ALL_AGENTS, task, grain: 'fine' }));
  return [
    ...tasks(`toolstack${suffix}`, [toolstack.task]),
    ...scripts.flatMap((script) => tasks(script.place.name, [script.addTask, script.removeTask])),
    ...tasks(backend.name, [backend.probeTask, backend.watchTask, backend.connectTask]),
    simple(
      `${backend.name}/close`,
      () => backend.mayClose(),
      () => backend.close(),
    ),
    simple(
      `${paths.frontend}/connect`,
      () =>
        truth.domain === DomainIs.Running &&
        !truth.ring &&
        parseXenbusState(store.peek(paths.node.State)) === XenbusState.InitWait,
      () => {
        truth.ring = true;
      },
    ),
    simple(
      `fault/toolstack${suffix} dies`,
      () => world.toolstack_kills > 0 && toolstack.task.running,
      () => {
        world.toolstack_kills -= 1;
        toolstack.die();
      },
    ),
    simple(
      `fault/${backend.name} dies`,
      () => world.backend_kills > 0 && backend.state.alive,
      () => {
        world.backend_kills -= 1;
        world.crashed = true;
        truth.ring = false;
        backend.crash();
      },
    ),
    simple(
      `supervisor/start ${backend.name}`,
      () => !backend.state.alive && mayRestart(host, parts),
      () => {
        store.write(paths.node.State, formatXenbusState(XenbusState.Initialising));
        backend.start();
      },
    ),
  ];
}

/** After it has died, or when the host is up again and all volumes are there. */
function mayRestart(host: IdentityHost, { toolstack }: GuestParts): boolean {
  const { store, paths } = toolstack.place;
  if (store.peek(paths.node.Online) !== '1') return false;
  if (host.setting.plan !== 'reboot-host') return host.world.crashed;
  const isThere = (content: number): boolean => host.kernel.findContent('volume', content) >= 0;
  return host.world.kernel === 1 && isThere(Content.A) && isThere(Content.B);
}

function scriptKills(host: IdentityHost, guests: readonly GuestParts[], others: Others): readonly Actor[] {
  const { world, setting } = host;
  const when = setting.scriptKill;
  if (when === null) return [];
  return guests
    .flatMap(({ scripts }) => scripts)
    .map((script) =>
      simple(
        `fault/${script.place.name} is killed`,
        () => world.script_kills > 0 && script.addTask.running && others.isMoment(when),
        () => {
          world.script_kills -= 1;
          script.kill();
        },
      ),
    );
}

/** The volumes are made again, in any order. */
function bootActors(host: IdentityHost): readonly Actor[] {
  return [
    { name: 'A', content: Content.A },
    { name: 'B', content: Content.B },
  ].map(({ name, content }) =>
    simple(
      `host/make volume ${name}`,
      () => host.world.kernel === 1 && host.kernel.findContent('volume', content) < 0,
      () => {
        const life = host.kernel.create(host.kernel.findFree('volume'), content);
        if (content !== Content.A) return;
        // It is the guest's, though no script of this boot has said so.
        host.truth(1).also_meant = life;
        host.truth(1).also_writable = true;
      },
    ),
  );
}

/** The kernel goes on after the last close of a loop device. */
function detachActors(host: IdentityHost): readonly Actor[] {
  return SLOTS.flatMap((slot, index) =>
    slot.kind !== 'loop'
      ? []
      : [
          simple(
            `kernel/detach ${slot.name}`,
            () => host.kernel.disk(index).winding,
            () => host.kernel.detach(index),
          ),
        ],
  );
}

function simple(name: string, enabled: () => boolean, run: () => void): Actor {
  return actor({ name, agents: ALL_AGENTS, enabled, run });
}
