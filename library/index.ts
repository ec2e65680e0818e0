/**
 * `import { ... } from 'quiesce'`: what a program or a test asks with, and what a driver of one's own is made of.
 *
 *     const { holds, oracle, schedule } = await explore({ scenario: 'checkpoint', tpmfront: './mine.ts' });
 *
 * A driver is a class that extends one of the drivers here, or implements `Tpmfront` or `Tpmback` from the start. It keeps
 * what it knows in its `layout`, and its work in `tasks` of steps; see docs/own-drivers.md.
 */

export { FRONTEND_TOKEN, SCAN_TOKEN } from '../backend/device-directory.js';
export type { BackendServices, Tpmback } from '../backend/tpmback/tpmback.js';
export { TpmbackV1 } from '../backend/tpmback/v1.js';
export { TpmbackV2, TpmbackV2State } from '../backend/tpmback/v2.js';
export { LinuxTpmfront } from '../frontend/tpmfront/linux.js';
export { NoHookTpmfront } from '../frontend/tpmfront/no-hook.js';
export { QuiesceTpmfront } from '../frontend/tpmfront/quiesce.js';
export { ResendTpmfront } from '../frontend/tpmfront/resend.js';
export { RingHandoffTpmfront } from '../frontend/tpmfront/ring-handoff.js';
export { SequencedTpmfront } from '../frontend/tpmfront/sequenced.js';
export { type DriverTimer, type GuestServices, storeStep, type Tpmfront } from '../frontend/tpmfront/tpmfront.js';
export { WaitLoopTpmfront } from '../frontend/tpmfront/v1.js';
export { Connection, V2_FIELDS, V2Tpmfront } from '../frontend/tpmfront/v2.js';
export { DONE, type Step, type StepResult, Task, type TaskDefinition, task } from '../hypervisor/steps.js';
export { hasFired, setTimer, stopTimer } from '../hypervisor/timers.js';
export { assert } from '../protocol/assert.js';
export { QuiesceError } from '../protocol/errors.js';
export { bool, layout, u8, u16, u32 } from '../protocol/layout.js';
export { checkLength, payloadOffset, TpmifSharedPage, TpmifState } from '../protocol/tpmif-v2.js';
export { DeviceNode, XenbusState } from '../protocol/xenbus.js';
export { CHECK_SCENARIOS, SCENARIOS } from '../scenarios/scenarios.js';
export { TPMBACKS, TPMFRONTS, type TpmbackEntry, type TpmfrontEntry } from '../simulator/drivers.js';
export type { Replay } from '../simulator/replay.js';
export type { Verdict } from '../simulator/verdict.js';
export { NO_FAULTS, type Scenario } from '../simulator/world-options.js';
export { ORACLES, type OracleName } from '../simulator/world-state.js';
export { type ExploreQuestion, explore, type Replaced, replay } from './ask.js';
export { DRIVER_RULES, type DriverRule } from './driver-rules.js';
export { type FuzzFailure, type Fuzzing, type FuzzProgress, type FuzzQuestion, fuzz } from './fuzz.js';
export type { Question, TpmbackSource, TpmfrontSource } from './question.js';
export { type Recheck, recheck } from './recheck.js';
