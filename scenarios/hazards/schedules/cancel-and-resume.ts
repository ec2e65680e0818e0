/**
 * Shortest schedules of F1 to F16, as breadth-first search found them: one step a line.
 */
export const CANCEL_AND_RESUME_SCHEDULES: Readonly<Record<string, string>> = {
  F1: `
toolstack.run/request_suspend
guest1.xenwatch/shutdown control/shutdown
guest1.kernel/acknowledge
guest1.kernel/freeze_tasks
guest1.kernel/dpm_suspend
guest1.tpmfront.suspend/wait
guest1.tpmfront.suspend/close
guest1.kernel/xs_suspend
guest1.kernel/suspend
tpmback1/watches
toolstack.run/await_acknowledgement
toolstack.run/await_suspend
toolstack.successor/resume_source
guest1.kernel/gnttab_resume
guest1.kernel/xs_resume
guest1.kernel/dpm_resume
guest1.kernel/thaw_tasks
guest1.xenwatch/shutdown control/shutdown
guest1.xenwatch/otherend /local/domain/0/backend/vtpm/1/0/state
tpmback1/watches
guest1.xenwatch/otherend /local/domain/0/backend/vtpm/1/0/state
tpmback1/watches`,
  F2: `
guest1.tpmfront.connect/read_otherend
guest1.tpmfront.connect/allocate_ring
guest1.tpmfront.connect/publish_nodes
guest1.tpmfront.connect/initialised
guest1.tpmfront.connect/watch_otherend
tpmback1/watches
tpmback1/watches
tpmback1.connect/map_ring
tpmback1.connect/bind_channel
tpmback1.connect/tell_sequence
tpmback1.connect/ready
tpmback1.connect/connected
tpmback1/interrupt
tpmback1/watches
toolstack.run/request_suspend
guest1.xenwatch/shutdown control/shutdown
guest1.kernel/acknowledge
guest1.kernel/freeze_tasks
guest1.kernel/dpm_suspend
guest1.kernel/xs_suspend
guest1.kernel/suspend
toolstack.run/await_acknowledgement
toolstack.run/await_suspend
toolstack.successor/resume_source
guest1.kernel/gnttab_resume
guest1.kernel/xs_resume
guest1.kernel/dpm_resume
guest1.kernel/thaw_tasks
tpmback2/watches`,
  F3: `
toolstack.run/request_suspend
guest1.xenwatch/shutdown control/shutdown
guest1.kernel/acknowledge
guest1.kernel/freeze_tasks
guest1.kernel/dpm_suspend
guest1.kernel/xs_suspend
guest1.kernel/suspend
toolstack.run/await_acknowledgement
toolstack.run/await_suspend
toolstack.successor/resume_source
guest1.kernel/gnttab_resume
guest1.kernel/xs_resume
guest1.kernel/dpm_resume
guest1.tpmfront.connect/read_otherend
guest1.tpmfront.connect/allocate_ring
guest1.tpmfront.connect/publish_nodes
guest1.tpmfront.connect/initialised
guest1.tpmfront.connect/watch_otherend
guest1.kernel/thaw_tasks
guest1.xenwatch/shutdown control/shutdown
guest1.xenwatch/otherend /local/domain/0/backend/vtpm/1/0/state
guest1.user/issue
guest1.tpmfront.transmit/fill
guest1.tpmfront.transmit/publish
guest1.tpmfront.transmit/notify
tpmback1/watches`,
  F5: `
toolstack.run/request_suspend
guest1.xenwatch/shutdown control/shutdown
guest1.kernel/acknowledge
guest1.kernel/freeze_tasks
guest1.kernel/dpm_suspend
guest1.kernel/xs_suspend
guest1.kernel/suspend
toolstack.run/await_acknowledgement
toolstack.run/await_suspend
toolstack.run/save_memory
toolstack.run/save_vtpm
toolstack.successor/resume_source
guest1.kernel/gnttab_resume
guest1.kernel/xs_resume`,
  F6: `
toolstack.run/request_suspend
guest1.xenwatch/shutdown control/shutdown
guest1.kernel/acknowledge
guest1.kernel/freeze_tasks
guest1.kernel/dpm_suspend
guest1.kernel/xs_suspend
guest1.kernel/gnttab_resume
guest1.kernel/xs_resume`,
  F7: `
toolstack.run/request_suspend
guest1.xenwatch/shutdown control/shutdown
guest1.kernel/acknowledge
guest1.kernel/freeze_tasks
guest1.kernel/dpm_suspend
guest1.tpmfront.suspend/wait
guest1.tpmfront.suspend/close
guest1.kernel/xs_suspend
guest1.kernel/suspend_cancel
guest1.kernel/dpm_suspend_again
tpmback1/watches
tpmback1/watches
toolstack.run/await_acknowledgement`,
  F9: `
guest1.user/issue
guest1.tpmfront.transmit/fill
guest1.tpmfront.transmit/publish
guest1.tpmfront.transmit/notify
tpmback1/interrupt
tpmback1.serve/fetch
tpmback1.serve/execute
tpm1.execute/complete
toolstack.run/request_suspend
guest1.xenwatch/shutdown control/shutdown
guest1.kernel/acknowledge
guest1.kernel/freeze_tasks
guest1.kernel/dpm_suspend
guest1.kernel/xs_suspend
guest1.kernel/suspend
toolstack.run/await_acknowledgement
toolstack.run/await_suspend
toolstack.run/save_memory
toolstack.run/save_vtpm
toolstack.run/create_target
toolstack.run/restore_memory
toolstack.run/restore_vtpm
toolstack.run/create_vtpm
tpmback2/watches
toolstack.run/await_backend
toolstack.run/unpause_target`,
  F10: `
guest1.user/issue
guest1.tpmfront.transmit/fill
guest1.tpmfront.transmit/publish
guest1.tpmfront.transmit/notify
tpmback1/interrupt
tpmback1.serve/fetch
tpmback1.serve/execute
toolstack.run/request_suspend
guest1.xenwatch/shutdown control/shutdown
guest1.kernel/acknowledge
guest1.kernel/freeze_tasks
guest1.kernel/dpm_suspend
toolstack.run/await_acknowledgement
time/60000 ms pass
toolstack.run/await_suspend
time/1 ms pass
tpm1.execute/complete
tpmback1.serve/respond
tpmback1.serve/finish
tpmback1.serve/notify
guest1.tpmfront/interrupt
guest1.kernel/xs_suspend
guest1.kernel/suspend`,
  F12: `
toolstack.run/request_suspend
guest1.xenwatch/shutdown control/shutdown
guest1.kernel/acknowledge
guest1.kernel/freeze_tasks
guest1.kernel/dpm_suspend
guest1.kernel/xs_suspend
guest1.kernel/suspend
toolstack.run/await_acknowledgement
toolstack.run/await_suspend
toolstack.run/save_memory`,
  F15: `
toolstack.run/request_suspend
guest1.xenwatch/shutdown control/shutdown
guest1.kernel/acknowledge
guest1.kernel/freeze_tasks
guest1.kernel/dpm_suspend
guest1.kernel/xs_suspend
guest1.kernel/suspend
toolstack.run/await_acknowledgement
toolstack.run/await_suspend
toolstack.run/save_memory
toolstack.run/save_vtpm
toolstack.run/create_target
toolstack.run/restore_memory
toolstack.run/restore_vtpm
toolstack.run/create_vtpm
tpmback2/watches
toolstack.run/await_backend
toolstack.run/unpause_target
toolstack.run/close_old_source
tpmback1/watches
toolstack.run/await_old_source_closed
tpmback1/watches
guest2.kernel/gnttab_resume
guest2.kernel/xs_resume
guest2.kernel/dpm_resume
guest2.tpmfront.connect/read_otherend
guest2.tpmfront.connect/allocate_ring
guest2.tpmfront.connect/publish_nodes
guest2.tpmfront.connect/connected
guest2.tpmfront.connect/watch_otherend
guest2.kernel/thaw_tasks
guest2.xenwatch/otherend /local/domain/0/backend/vtpm/1/0/state
guest2.xenwatch/shutdown control/shutdown
guest2.xenwatch/otherend /local/domain/0/backend/vtpm/2/0/state
tpmback2/watches`,
};
