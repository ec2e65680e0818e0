/**
 * Shortest schedules of F17 to F30, as breadth-first search found them: one step a line.
 */
export const IN_FLIGHT_SCHEDULES: Readonly<Record<string, string>> = {
  F17: `
guest1.user/issue
guest1.tpmfront.transmit/fill
guest1.tpmfront.transmit/grant
guest1.tpmfront.transmit/notify
tpmback1/interrupt
tpmback1.serve/receive
tpmback1.serve/read
tpmback1.serve/execute
toolstack.run/request_suspend
guest1.xenwatch/shutdown control/shutdown
guest1.kernel/acknowledge
guest1.kernel/freeze_tasks
guest1.kernel/dpm_suspend
toolstack.run/await_acknowledgement
time/301000 ms pass
guest1.tpmfront.suspend/wait
guest1.kernel/xs_suspend
guest1.kernel/suspend
toolstack.run/await_suspend
toolstack.successor/resume_source
guest1.kernel/gnttab_resume
guest1.kernel/xs_resume
guest1.kernel/dpm_resume
guest1.kernel/thaw_tasks
guest1.user/issue
guest1.tpmfront.transmit/fill
guest1.tpmfront.transmit/grant
guest1.tpmfront.transmit/notify
guest1.xenwatch/shutdown control/shutdown
tpmback1/interrupt
time/19000 ms pass
tpm1.execute/complete
tpmback1.serve/respond
tpmback1.serve/notify
guest1.tpmfront/interrupt`,
  F19: `
guest1.user/issue
guest1.tpmfront.transmit/fill
guest1.tpmfront.transmit/grant
guest1.tpmfront.transmit/notify
tpmback1/interrupt
tpmback1.serve/receive
tpmback1.serve/read
tpmback1.serve/execute
tpm1.execute/complete
toolstack.run/request_suspend
guest1.xenwatch/shutdown control/shutdown
guest1.kernel/acknowledge
guest1.kernel/freeze_tasks
guest1.kernel/dpm_suspend
tpmback1/watches
tpmback1/watches
toolstack.run/await_acknowledgement
time/26000 ms pass
guest1.tpmfront.suspend/wait
guest1.kernel/xs_suspend
guest1.kernel/suspend
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
  F21: `
guest1.user/issue
guest1.tpmfront.transmit/fill
guest1.tpmfront.transmit/grant
guest1.tpmfront.transmit/notify
tpmback1/interrupt
tpmback1.serve/receive
tpmback1.serve/read
tpmback1.serve/execute
time/360000 ms pass
tpmback1.serve/respond
tpmback1.serve/notify
guest1.tpmfront/interrupt
guest1.tpmfront.transmit/fill
guest1.tpmfront.transmit/grant
guest1.tpmfront.transmit/notify
tpmback1/interrupt
time/40000 ms pass
tpm1.execute/complete
tpmback1.serve/drop
tpmback1.serve/receive
tpmback1.serve/read
tpmback1.serve/execute
time/360000 ms pass
tpmback1.serve/respond
tpmback1.serve/notify
guest1.tpmfront/interrupt
guest1.tpmfront.transmit/fill
guest1.tpmfront.transmit/grant
guest1.tpmfront.transmit/notify
tpmback1/interrupt
time/40000 ms pass
tpm1.execute/complete`,
  F23: `
guest1.user/issue
guest1.tpmfront.transmit/fill
guest1.tpmfront.transmit/grant
guest1.tpmfront.transmit/notify
fault/spurious event at guest1.tpmfront
guest1.tpmfront/interrupt`,
  F25: `
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
guest2.tpmfront.connect/initialised
guest2.tpmfront.connect/watch_otherend
guest2.kernel/thaw_tasks
guest2.xenwatch/otherend /local/domain/0/backend/vtpm/1/0/state
guest2.xenwatch/shutdown control/shutdown
tpmback2/watches
tpmback2.connect/map_ring
tpmback2.connect/bind_channel
tpmback2.connect/tell_sequence
tpmback2.connect/ready
tpmback2.connect/connected
guest2.xenwatch/otherend /local/domain/0/backend/vtpm/2/0/state
guest2.tpmfront.transmit/fill
guest2.tpmfront.transmit/publish
tpmback2/interrupt
tpmback2.serve/fetch
tpmback2.serve/execute
tpm2.execute/complete`,
  F26: `
guest1.user/issue
guest1.tpmfront.transmit/fill
guest1.tpmfront.transmit/publish
guest1.tpmfront.transmit/notify
tpmback1/interrupt
tpmback1.serve/fetch
tpmback1.serve/execute
time/750 ms pass
guest1.tpmfront.receive/wait
tpm1.execute/complete
tpmback1.serve/respond
tpmback1.serve/finish
guest1.tpmfront.receive/cancel
tpmback1.serve/notify
tpmback1/interrupt
guest1.tpmfront.receive/outcome`,
  F27: `
guest1.user/issue
guest1.tpmfront.transmit/fill
guest1.tpmfront.transmit/publish
guest1.tpmfront.transmit/notify
tpmback1/interrupt
tpmback1.serve/fetch
tpmback1.serve/execute
tpm1.execute/complete
tpmback1.serve/respond
tpmback1.serve/finish
tpmback1.serve/notify
guest1.tpmfront/interrupt
guest1.user/issue
guest1.tpmfront.transmit/fill
guest1.tpmfront.transmit/publish
guest1.tpmfront.transmit/notify
tpmback1/interrupt
tpmback1.serve/fetch
tpmback1.serve/execute
tpm1.execute/complete
tpmback1.serve/respond
tpmback1.serve/fetch
tpmback1.serve/execute
tpm1.execute/complete`,
  F28: `
guest1.user/issue
guest1.tpmfront.transmit/fill
guest1.tpmfront.transmit/publish
guest1.tpmfront.transmit/notify
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
tpmback2/watches
time/750 ms pass
guest2.tpmfront.receive/poll`,
};
