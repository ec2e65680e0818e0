/** Shortest schedules of the security rules that a block pair shows, as breadth-first search found them: one step a line. */
export const BLOCK_SCHEDULES: Readonly<Record<string, string>> = {
  S1: `
guest1.user/issue
guest1.blkfront.send/fill
guest1.blkfront.send/publish
guest1.blkfront.send/notify
blkback1/interrupt
blkback1.serve/look
blkback1.serve/take
fault/guest1 stores entry 0: operation=5 in ring page 0
blkback1.io0/execute`,
  S2: `
guest1.user/issue
guest1.blkfront.send/fill
guest1.blkfront.send/publish
guest1.blkfront.send/notify
blkback1/interrupt
fault/guest1 stores req_prod+=3 in ring page 0
blkback1.serve/look
blkback1.serve/take`,
  S3: `
guest1.user/issue
guest1.blkfront.send/fill
guest1.blkfront.send/publish
guest1.blkfront.send/notify
blkback1/interrupt
blkback1.serve/look
blkback1.serve/take
blkback1.io0/execute
blkback1.io0/respond
blkback1.io0/notify
guest1.blkfront/interrupt
fault/blkback1 stores rsp_prod+=3 in the ring page
guest1.blkfront.receive/take`,
  S4: `
guest1.user/issue
guest1.blkfront.send/fill
guest1.blkfront.send/publish
guest1.blkfront.send/notify
blkback1/interrupt
blkback1.serve/look
blkback1.serve/take
blkback1.io0/execute
blkback1.io0/respond
blkback1.io0/notify
guest1.blkfront/interrupt
fault/blkback1 stores entry 0: nr_segments=12 in the ring page
guest1.blkfront.receive/take`,
  S5: `
guest1.user/issue
guest1.blkfront.send/fill
guest1.blkfront.send/publish
guest1.blkfront.send/notify
blkback1/interrupt
blkback1.serve/look
blkback1.serve/take
blkback1.io0/execute
blkback1.io0/respond
blkback1.io0/notify
guest1.blkfront/interrupt
guest1.blkfront.receive/take`,
  S6: `
guest1.user/issue
guest1.blkfront.send/fill
guest1.blkfront.send/publish
guest1.blkfront.send/notify
blkback1/interrupt
blkback1.serve/look
blkback1.serve/take
blkback1.io0/execute
blkback1.io0/respond
blkback1.io0/notify
guest1.blkfront/interrupt
fault/blkback1 stores entry 0: gref=16777216 in the ring page
guest1.blkfront.receive/take`,
  S7: `
guest1.user/issue
guest1.blkfront.send/fill
guest1.blkfront.send/publish
guest1.blkfront.send/notify
blkback1/interrupt
blkback1.serve/look
fault/guest1 stores entry 0: nr_segments=12 in ring page 0
blkback1.serve/take`,
  S24: `
guest1.user/issue
guest1.blkfront.send/fill
guest1.blkfront.send/publish
guest1.blkfront.send/notify
blkback1/interrupt
blkback1.serve/look
blkback1.serve/take
fault/guest1 stores flags=0 in its grant 9
blkback1.io0/execute`,
};
