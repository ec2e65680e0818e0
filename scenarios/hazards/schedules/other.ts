/**
 * Shortest schedules of F31 to F52, and of security rules, as breadth-first search found them: one step a line.
 */
export const OTHER_SCHEDULES: Readonly<Record<string, string>> = {
  F31: `
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
  F32: `
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
guest1.kernel/xs_suspend
guest1.kernel/suspend
toolstack.run/await_acknowledgement
toolstack.run/await_suspend
toolstack.run/save_memory
time/320000 ms pass
tpm1.execute/complete
toolstack.run/save_vtpm
toolstack.run/create_target
toolstack.run/restore_memory
toolstack.run/restore_vtpm
toolstack.run/create_vtpm
tpmback2/watches
toolstack.run/await_backend
toolstack.run/unpause_target`,
  F33: `
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
  F34: `
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
fault/resume guest1 as well`,
  F36: `
guest1.user/submit
guest1.xb_write/copy
guest1.xb_write/copy
toolstack.run/ask
guest1.kernel/xs_suspend_enter
guest1.kernel/xs_suspend
guest1.kernel/suspend
toolstack.run/save
toolstack.run/destroy
toolstack.run/create
toolstack.run/introduce
toolstack.run/unpause
guest2.kernel/syscore_resume
guest2.kernel/xs_resume
guest2.kernel/xs_watch
guest2.xb_write/copy
guest2.xb_write/copy
xenstored2.serve/wait
xenstored2.serve/take`,
  F37: `
toolstack.run/ask
guest1.kernel/xs_suspend_enter
guest1.kernel/xs_suspend
guest1.kernel/suspend
dom0/write
xenstored1.serve/wait
xenstored1.serve/put
toolstack.run/save
toolstack.run/destroy
toolstack.run/create
toolstack.run/introduce
toolstack.run/unpause
guest2.kernel/syscore_resume
guest2.kernel/xs_resume
guest2.kernel/xs_watch
guest2.xb_write/copy
guest2.xb_write/copy
guest2.xb_read/copy
xenstored2.serve/wait
xenstored2.serve/take
guest2.xb_write/copy
xenstored2.serve/wait
xenstored2.serve/take
xenstored2.serve/put
guest2.xb_read/copy
guest2.xb_read/copy
xenstored2.serve/wait
xenstored2.serve/put
guest2.xb_read/copy
xenstored2.serve/put
guest2.xb_read/copy`,
  F38: `
toolstack.run/ask
guest1.kernel/xs_suspend_enter
guest1.kernel/xs_suspend
guest1.kernel/suspend
toolstack.run/save
toolstack.run/destroy
toolstack.run/create
toolstack.run/unpause_first
guest2.kernel/syscore_resume
guest2.kernel/xs_resume
guest2.kernel/xs_watch
guest2.xb_write/copy
guest2.user/submit
toolstack.run/introduce_late
guest2.xb_write/copy
guest2.xb_write/copy
guest2.xenbus/interrupt
xenstored2.serve/wait
xenstored2.serve/take`,
  F40: `
guest1.user/issue
guest1.tpmfront.transmit/fill
guest1.tpmfront.transmit/publish
guest1.tpmfront.transmit/notify
fault/kill tpmback1
supervisor/restart tpmback1
tpmback1/watches
tpmback1/watches
tpmback1.connect/map_ring
tpmback1.connect/bind_channel
tpmback1.connect/tell_sequence
tpmback1.connect/ready
tpmback1.connect/connected
guest1.xenwatch/otherend /local/domain/0/backend/vtpm/1/0/state
guest1.tpmfront.connect/read_otherend
guest1.tpmfront.connect/allocate_ring
guest1.tpmfront.connect/publish_nodes
guest1.tpmfront.connect/initialised
guest1.tpmfront.connect/watch_otherend
guest1.xenwatch/otherend /local/domain/0/backend/vtpm/1/0/state
tpmback1/interrupt
tpmback1/watches`,
  F42: `
guest1.tpmfront.connect/read_otherend
guest1.tpmfront.connect/allocate_ring
guest1.tpmfront.connect/publish_nodes
guest1.tpmfront.connect/connected
guest1.tpmfront.connect/watch_otherend
guest1.xenwatch/shutdown control/shutdown
tpmback1/watches
guest1.xenwatch/otherend /local/domain/0/backend/vtpm/1/0/state
tpmback1/watches
tpmback2/watches`,
  F45: `
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
tpmback2/interrupt
tpmback2/watches`,
  F48: `
guest1.tpmfront.connect/read_otherend
guest1.tpmfront.connect/allocate_ring
guest1.tpmfront.connect/publish_nodes
guest1.tpmfront.connect/initialised
guest1.tpmfront.connect/watch_otherend
guest1.user/issue
guest1.tpmfront.transmit/fill
guest1.tpmfront.transmit/publish
guest1.tpmfront.transmit/notify
guest1.xenwatch/shutdown control/shutdown
tpmback1/watches
tpmback1/watches
tpmback1.connect/map_ring
tpmback1.connect/bind_channel
tpmback1.connect/tell_sequence
tpmback1.connect/ready
tpmback1.connect/connected
guest1.xenwatch/otherend /local/domain/0/backend/vtpm/1/0/state
tpmback1/watches
tpmback2/watches`,
  F51: `
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
tpmback1.serve/respond
toolstack.run/await_acknowledgement
toolstack.run/await_suspend
toolstack.successor/resume_source
guest1.kernel/gnttab_resume
guest1.kernel/xs_resume
guest1.kernel/dpm_resume`,
  S26: `
guest1.user/issue
guest1.tpmfront.transmit/fill
guest1.tpmfront.transmit/grant
guest1.tpmfront.transmit/notify
fault/spurious event at guest1.tpmfront
guest1.tpmfront/interrupt`,
};
