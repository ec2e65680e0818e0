/**
 * The hypervisor of a live host: it owns the domain records, the event channels and the grants, and answers hypercalls.
 *
 * All it knows lies in memory that outlives its process, and each hypercall is one step of the undo journal: started
 * again, it goes on where it was.
 */
import { rmSync } from 'node:fs';
import { Domain } from '../../hypervisor/domain.js';
import { Host } from '../../hypervisor/host.js';
import { PAGE_SIZE } from '../../protocol/memory.js';
import { type CallReply, isCallRequest, isHello, isTransferRequest, type TransferRequest } from '../hypercall/calls.js';
import { type Dispatcher, dispatch } from '../hypercall/dispatch.js';
import { RepeatedCalls } from '../hypercall/repeated-calls.js';
import { type PageReceiver, receivePages, sendPages } from '../hypercall/transfer.js';
import { listen, type Peer, type PeerEvents } from '../ipc/node-ipc.js';
import { HYPERVISOR_JOURNAL_FRAME, TABLES_FRAME } from '../memory/segments.js';
import { UndoJournal } from '../memory/undo-journal.js';
import { type AgentName, dom0Place, guestPlace, LAST_CALLS, MAPTRACK } from '../tables.js';
import { guardToolstack } from '../toolstack/guard.js';
import { openTrace } from '../trace/open.js';
import { type HostConfig, hypervisorSocket, type MemoryGrant, type ToolstackPlace } from './config.js';
import { openAll, openMemory, ringerOf } from './machine.js';

export async function runHypervisor(
  host: HostConfig,
  grant: MemoryGrant,
  guarded: ToolstackPlace | null,
): Promise<() => void> {
  const memory = openMemory(host, grant);
  const { plan } = memory.space;
  openAll(memory.space);
  const journal = new UndoJournal(memory.words, HYPERVISOR_JOURNAL_FRAME * PAGE_SIZE);
  journal.recover();
  memory.keep(journal, TABLES_FRAME, 1);

  const machine = new Host(memory, { name: `host ${host.name}`, maptrack: MAPTRACK, storeCell: 0 });
  const dom0 = new Domain(memory, dom0Place(plan));
  machine.domains.push(dom0, new Domain(memory, guestPlace(plan, host.domid)));
  if (dom0.state === 0) {
    dom0.create(0);
    dom0.resume(0);
    memory.commit();
  }
  const ringers = {
    guest: ringerOf(memory, host, 'guest', grant),
    backend: ringerOf(memory, host, 'backend', grant),
  };
  const trace = openTrace(host, grant, 'hypervisor');
  const place: Receiving = {
    receiver: null,
    memory,
    plan,
    host: machine,
    repeated: {
      guest: new RepeatedCalls(memory, LAST_CALLS.guest),
      backend: new RepeatedCalls(memory, LAST_CALLS.backend),
    },
    trace,
    wake: (agent) => ringers[agent].ring(),
    onExecuted: (call) => trace?.diesAfter(`hypervisor${host.domid}`, call),
  };

  const path = hypervisorSocket(host);
  // One that is there is of a hypervisor that was killed: the folder is this host's own.
  rmSync(path, { force: true });
  const server = await listen(path, (peer) => caller(place, host, peer));
  const guard = guarded === null ? null : guardToolstack(guarded);
  return () => {
    guard?.stop();
    server.close();
  };
}

/** Whoever sends pages may have been cut off, or have died, and its last pages be still to be read. */
interface Receiving extends Dispatcher {
  receiver: PageReceiver | null;
}

/** One caller: its first message says who it is, and each later one is a hypercall. */
function caller(place: Receiving, host: HostConfig, peer: Peer): PeerEvents {
  let agent: AgentName | null = null;
  const reply = (message: CallReply): void => peer.send(message);
  return {
    onClose() {},
    onMessage(message) {
      if (agent === null) {
        if (isHello(message) && host.tokens[message.agent] === message.token) agent = message.agent;
        else peer.close();
      } else if (isCallRequest(message)) {
        if (message.call === 'domctl_destroy') place.receiver?.abort();
        reply({ id: message.id, result: dispatch(place, agent, message) });
      } else if (isTransferRequest(message) && agent === 'toolstack') {
        void transfer(place, message, (result) => reply({ id: message.id, result }));
      } else {
        peer.close();
      }
    },
  };
}

/** `receive` answers 0 once it listens; whether all came is to be asked by the sender, which is told. */
async function transfer(
  place: Receiving,
  { transfer: direction, path, cutAfterBytes }: TransferRequest,
  reply: (result: number) => void,
): Promise<void> {
  if (direction === 'send') {
    reply(await sendPages(place, path, cutAfterBytes));
    return;
  }
  place.receiver?.abort();
  rmSync(path, { force: true });
  try {
    place.receiver = await receivePages(place, path);
    reply(0);
  } catch {
    reply(-1);
  }
}
