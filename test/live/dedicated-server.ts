/**
 * A TCTI server in a process that does nothing else: `node dedicated-server.js FRAMING`. It says where it listens, and
 * when it is asked for `accepted`, how many clients it has taken without its event loop. Ends with its parent.
 */
import { type TctiFraming, TctiServer } from '../../live/tcti/tcti-server.js';
import { ModelDevice } from '../../live/tpm/model-device.js';
import type { CommandExecutor } from '../../live/tpm/vtpm-device.js';
import { bigEndian32 } from '../../protocol/tpm/header.js';
import { startup } from '../support/model-commands.js';

const SELF_TEST = 0x143;
const LATE_MILLISECONDS = 20;

const model = new ModelDevice({ seed: 1 });
model.executeBriefly(startup, { locality: 0 });

/** Answers at once, but to SelfTest. */
const tpm: CommandExecutor = {
  execute: (command, options) => model.execute(command, options),
  executeBriefly(command, options) {
    const late = command.length >= 10 && bigEndian32(command, 6) === SELF_TEST;
    if (!late) return model.executeBriefly(command, options);
    const own = Uint8Array.from(command);
    return new Promise((resolve) => setTimeout(() => resolve(model.executeBriefly(own, options)), LATE_MILLISECONDS));
  },
};

const server = await TctiServer.listen(tpm, {
  framing: process.argv[2] as TctiFraming,
  address: { kind: 'tcp', port: 0 },
  frameMilliseconds: 200,
  dedicated: true,
});
process.on('message', () => process.send?.({ accepted: server.acceptedBriefly }));
process.on('disconnect', () => process.exit(0));
process.send?.({ tcti: server.tcti });
