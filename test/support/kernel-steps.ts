/**
 * The steps of a guest's suspend and resume: those that probes of a recording saw, and those of the simulated kernel.
 */
import type { RecordedLine } from './recording.js';

/** The simulated step of each probe; null for a probe within a step, or of a part that is not simulated. */
const STEPS: { readonly [probe: string]: string | null } = {
  do_suspend: 'acknowledge',
  freeze_processes: 'freeze_tasks',
  xenbus_dev_suspend: 'dpm_suspend',
  xs_suspend: 'xs_suspend',
  xen_pre_suspend: 'suspend',
  gnttab_resume: 'gnttab_resume',
  xs_suspend_cancel: 'xs_resume',
  xs_resume: 'xs_resume',
  dpm_resume_end: 'dpm_resume',
  tpmfront_resume: 'remove',
  'xenbus_switch_state 3': 'initialised',
  tpm_chip_register_ret: 'register',
  thaw_processes: 'thaw_tasks',

  // Kernel threads, the power management core, interrupts and console: nothing of theirs is shared with others.
  freeze_kernel_threads: null,
  dpm_suspend_start: null,
  dpm_suspend_end: null,
  xs_suspend_ret: null,
  xen_arch_suspend: null,
  gnttab_suspend: null,
  xen_post_suspend: null,
  xen_irq_resume: null,
  xen_console_resume: null,
  xen_arch_resume: null,
  dpm_resume_start: null,
  xs_resume_ret: null,
  xenbus_dev_cancel: null,
  xenbus_dev_resume: null,
  xenbus_frontend_dev_resume: null,
  // Within `remove`, and before state 3.
  tpm_chip_unregister: null,
  tpmfront_probe: null,
  tpm_chip_register: null,
  // The disk.
  blkfront_resume: null,
  blkback_changed: null,
  // Commands and watch events have tests of their own.
  vtpm_send: null,
  vtpm_send_ret: null,
  xenbus_otherend_changed: null,
  tpm_backend_changed: null,
  'xenbus_switch_state 4': null,
};

/** The steps of the probes, without repetition. Throws on a probe that `STEPS` does not know. */
export function recordedSteps(probes: readonly RecordedLine[]): readonly string[] {
  const steps: string[] = [];
  for (const { op, value, line } of probes) {
    if (op === 'xenbus_switch_state' && !value.includes('vtpm')) continue;
    const name = op === 'xenbus_switch_state' ? `${op} ${/state=(\d)/.exec(value)?.[1]}` : op;
    const step = STEPS[name];
    if (step === undefined) throw new Error(`line ${line}: probe ${name} is not known`);
    if (step !== null && steps.at(-1) !== step) steps.push(step);
  }
  return steps;
}

/** The same steps out of the names of choices. */
export function kernelSteps(choices: readonly string[]): readonly string[] {
  const known = new Set(Object.values(STEPS));
  return choices.flatMap((name) => {
    const step = /^guest\d\.(kernel|tpmfront\.(resume|probe))\/(\w+)$/.exec(name)?.[3];
    return step !== undefined && known.has(step) ? [step] : [];
  });
}
