/**
 * A live system that belongs to one command is ended with it: its parts are processes of their own, which a signal to the
 * command does not reach, and nobody else would end them.
 */
import { down } from '../live/system.js';

/**
 * From now on SIGINT and SIGTERM end the system of `directory`, and then this process as they would have. `first` is
 * asked before: true where the command will end the system itself, soon; the next signal does it at once then. Returns
 * what takes that back.
 */
export function endedOnSignal(directory: string, first: () => boolean = () => false): () => void {
  let signals = 0;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (signals++ === 0 && first()) return;
    forget();
    const end = (): void => void process.kill(process.pid, signal);
    down(directory).then(end, end);
  };
  const forget = (): void => void process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  return forget;
}
