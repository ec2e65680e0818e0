/**
 * The other end of the control socket.
 */
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { type ErrorCode, QuiesceError } from '../../protocol/errors.js';
import { type ControlReply, type ControlRequest, controlSocket } from './control.js';

export interface ControlOptions {
  readonly milliseconds: number;
  readonly onProgress?: (message: string) => void;
}

/**
 * Sends one request and resolves with its result. Rejects with the error of the other side, with `LIVE_STATE` where no
 * live system runs, and with `LIVE_TIMEOUT` when the outcome does not come in time; then it is not known.
 */
export function control(
  directory: string,
  request: ControlRequest,
  { milliseconds, onProgress }: ControlOptions,
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const socket = connect(controlSocket(directory));
    const timer = setTimeout(() => {
      settle(() =>
        reject(
          new QuiesceError(
            'LIVE_TIMEOUT',
            `${request.command}: expected an outcome within ${milliseconds / 1000} s, found none; see quiesce live status`,
          ),
        ),
      );
    }, milliseconds);
    let settled = false;
    const settle = (report: () => void): void => {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      socket.destroy();
      report();
    };
    socket.on('connect', () => socket.write(`${JSON.stringify(request)}\n`));
    socket.on('error', ({ code, message }: NodeJS.ErrnoException) =>
      settle(() => reject(unreachable(directory, code ?? message))),
    );
    socket.on('close', () =>
      settle(() =>
        reject(new QuiesceError('PART_UNREACHABLE', `${request.command}: the toolstack ended before it was done`)),
      ),
    );
    const lines = createInterface({ input: socket });
    // It reports the errors of its input again.
    lines.on('error', () => undefined);
    lines.on('line', (line) => {
      const reply = JSON.parse(line) as ControlReply;
      if ('progress' in reply) onProgress?.(reply.progress);
      else if ('error' in reply)
        settle(() => reject(new QuiesceError(reply.error.code as ErrorCode, reply.error.message)));
      else settle(() => resolve(reply.result));
    });
  });
}

function unreachable(directory: string, code: string): QuiesceError {
  if (code === 'ENOENT' || code === 'ECONNREFUSED') {
    return new QuiesceError(
      'LIVE_STATE',
      `expected a live system in ${directory}, found none: begin with quiesce live up`,
    );
  }
  return new QuiesceError('LIVE_STATE', `the live system in ${directory} cannot be reached (${code})`);
}
