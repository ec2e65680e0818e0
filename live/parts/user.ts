/**
 * The user space of the guest with its TCTI endpoint, for unmodified TPM programs.
 */
import { Domain } from '../../hypervisor/domain.js';
import { Rights } from '../memory/address-space.js';
import { Doorbell, DoorbellRinger } from '../memory/doorbell.js';
import { fifoBell, fifoListener, threadListener } from '../memory/event-loop-bell.js';
import { native } from '../memory/native.js';
import { REQUEST_PFN, RESPONSE_PFN } from '../memory/segments.js';
import { guestPlace } from '../tables.js';
import { TctiServer } from '../tcti/tcti-server.js';
import { type UserHost, UserSpace } from '../user/user-space.js';
import { bellPath, type HostConfig, type MemoryGrant, type TctiConfig, userBellPath } from './config.js';
import { openMemory, openTables, sharedInfoOf } from './machine.js';

export interface RunningUser {
  /** For the environment variable TPM2TOOLS_TCTI. */
  readonly tcti: string;
  close(): Promise<void>;
}

export async function runUser(
  hosts: readonly { readonly host: HostConfig; readonly memory: MemoryGrant }[],
  { protocol, port }: TctiConfig,
): Promise<RunningUser> {
  const places = hosts.map(({ host, memory }) => userHost(host, memory, () => user.rung()));
  const user: UserSpace = new UserSpace(places);
  const dedicated = hosts.every(({ memory }) => memory.kind === 'process');
  const server = await TctiServer.listen(user, { framing: protocol, address: { kind: 'tcp', port }, dedicated });
  return {
    tcti: server.tcti,
    async close() {
      await server.close();
      for (const { listener } of places) listener.close();
    },
  };
}

function userHost(host: HostConfig, grant: MemoryGrant, onRing: () => void): UserHost {
  const memory = openMemory(host, grant);
  const { space } = memory;
  openTables(space);
  const place = guestPlace(space.plan, host.domid);
  // Where the kernel is woken, and the pages by which commands go down and answers come up.
  space.open(place.firstFrame, 1, Rights.Store);
  space.open(place.firstFrame + REQUEST_PFN, RESPONSE_PFN - REQUEST_PFN + 1, Rights.Store);
  const guest = new Domain(memory, place);
  const doorbell = new Doorbell(space, guest.page(REQUEST_PFN));
  const calls = grant.kind === 'process' ? native() : null;
  return {
    memory,
    guest,
    doorbell,
    kernel: new DoorbellRinger(
      space,
      sharedInfoOf(memory, 'guest'),
      calls === null ? null : fifoBell(calls, bellPath(host, 'guest')),
    ),
    listener: calls === null ? threadListener(doorbell, onRing) : fifoListener(calls, userBellPath(host), onRing),
  };
}
