/**
 * What the hypervisor does for a hypercall: checks who asks, and lets the classes of the simulator do it.
 */
import { DomainState } from '../../hypervisor/domain.js';
import type { Host } from '../../hypervisor/host.js';
import { unreachable } from '../../protocol/assert.js';
import { PAGE_SIZE } from '../../protocol/memory.js';
import { BACKEND_PROCESS_PAGE, DEVICE_PAGE, type MachinePlan } from '../memory/segments.js';
import type { SharedMemory } from '../memory/shared-memory.js';
import { AGENTS, type AgentName, SUSPENSIONS } from '../tables.js';
import type { TraceWriter } from '../trace/writer.js';
import { type CallName, type CallRequest, EPERM, ESRCH, isPrivileged } from './calls.js';
import type { RepeatedCalls } from './repeated-calls.js';

export interface Dispatcher {
  readonly memory: SharedMemory;
  readonly plan: MachinePlan;
  readonly host: Host;
  readonly repeated: { readonly [A in 'guest' | 'backend']: RepeatedCalls };
  readonly trace: TraceWriter | null;
  /** Wakes the process of an agent, whose domain has changed. */
  readonly wake: (agent: 'guest' | 'backend') => void;
  /** A hypercall was executed, and is not answered yet. */
  readonly onExecuted: (call: CallName) => void;
}

/** Executes one hypercall whole, and once. Returns its result, minus `EPERM` for what the caller may not ask for. */
export function dispatch(place: Dispatcher, caller: AgentName, request: Omit<CallRequest, 'id'>): number {
  const { memory, repeated } = place;
  if (isPrivileged(request.call) && caller !== 'toolstack') return -EPERM;
  memory.current = AGENTS[caller];
  let executed = false;
  const execute = (): number => {
    executed = true;
    return perform(place, caller, request);
  };
  try {
    return caller === 'toolstack' ? execute() : repeated[caller].once(request, execute);
  } finally {
    memory.commit();
    if (executed) place.onExecuted(request.call);
  }
}

function perform(place: Dispatcher, caller: AgentName, { call, args }: Omit<CallRequest, 'id'>): number {
  const { host, memory, repeated } = place;
  const [first = 0, second = 0] = args;
  const [dom0, guest] = host.domains;
  const own = caller === 'guest' ? guest : dom0;
  if (own === undefined || guest === undefined || dom0 === undefined) return -ESRCH;
  switch (call) {
    case 'evtchn_alloc_unbound':
      return host.events.allocateUnbound(own, first);
    case 'evtchn_bind_interdomain':
      return host.events.bindInterdomain(own, first, second);
    case 'evtchn_close':
      return host.events.close(own, first);
    case 'gnttab_map':
      return host.grants.map(own.domid, AGENTS[caller], first, second);
    case 'gnttab_unmap':
      return host.grants.unmap(first);
    case 'sched_suspend':
      if (caller !== 'guest') return -EPERM;
      // Asked again, after the domain was let go on: it has been stopped since it was asked.
      if (guest.running && memory.read32(SUSPENSIONS) === first) {
        guest.setState(DomainState.Suspended);
        memory.asHypervisor(() => memory.write32(SUSPENSIONS, memory.read32(SUSPENSIONS) + 1));
      }
      return 0;
    case 'domctl_create':
      if (guest.state !== DomainState.Free) return -EPERM;
      repeated.guest.forget();
      guest.create(first);
      return 0;
    case 'domctl_resume':
      if (guest.state === DomainState.Free) return -ESRCH;
      guest.resume(first);
      place.wake('guest');
      return 0;
    case 'domctl_destroy':
      if (guest.state === DomainState.Free) return 0;
      host.events.closeAll(guest);
      guest.destroy();
      repeated.guest.forget();
      return 0;
    case 'domctl_agent_died':
      if (first !== AGENTS.backend) return 0;
      host.events.closeOwned(dom0, first);
      host.grants.unmapAll(first);
      repeated.backend.forget();
      clearPages(place, BACKEND_PROCESS_PAGE, 1);
      memory.clearPage(place.plan.dom0.firstFrame);
      return 0;
    case 'domctl_clear_device':
      clearPages(place, DEVICE_PAGE, place.plan.backend.pages - DEVICE_PAGE);
      return 0;
    default:
      memory.commit();
      return unreachable(call);
  }
}

function clearPages({ memory, plan }: Dispatcher, first: number, pages: number): void {
  memory.clear((plan.backend.firstFrame + first) * PAGE_SIZE, pages * PAGE_SIZE);
}
