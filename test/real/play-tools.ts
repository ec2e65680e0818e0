/**
 * Runs the commands of a recorded session with the real tools, and compares what they print, how they end, and every
 * frame that passes.
 */
import { framesBefore, framesOf, isForPeople, maskGeneration, type ToolLine } from '../support/tool-session.js';
import { RecordingProxy } from './recording-proxy.js';
import { runTool, type ToolResult } from './run-tool.js';

/** A session that has lost step only differs more and more. */
const DIFFERENCES_MAX = 10;

/**
 * Runs `lines` in order against the fresh store at `socketPath`. Returns one text per difference.
 *
 * @param texts `exact`, or `free`: what is for people to read may be other words, but must be an answer of the same kind.
 */
export async function playTools(
  lines: readonly ToolLine[],
  socketPath: string,
  texts: 'exact' | 'free',
): Promise<string[]> {
  const differences: string[] = [];
  const proxy = await RecordingProxy.start(socketPath);
  try {
    for (const line of lines) {
      if (differences.length >= DIFFERENCES_MAX) break;
      if (line.setup !== undefined) await runTool(line.setup, socketPath);
      else await playLine(line);
    }
  } finally {
    await proxy.stop();
  }
  return differences;

  async function playLine(line: ToolLine): Promise<void> {
    const { cmd = [], rc, stdout = '', stderr = '' } = line;
    proxy.clear();
    const running = runTool(cmd, proxy.socketPath);
    if (line.during !== undefined) {
      await Promise.race([proxy.serverFrames(framesBefore(line)), running]);
      for (const command of line.during) await runTool(command, socketPath);
    }
    const found = await running;
    const differs = (what: string, expected: unknown, is: unknown): void => {
      if (JSON.stringify(expected) === JSON.stringify(is)) return;
      differences.push(
        `${line.n} ${cmd.join(' ')}: ${what}: expected ${JSON.stringify(expected)}, found ${JSON.stringify(is)}`,
      );
    };
    differs('client frames', framesOf(line, 'c'), proxy.passed.client);
    if (texts === 'free' && isForPeople(line)) {
      const kind = (frame: string): string => frame.slice(0, 24);
      differs('status', rc, found.rc);
      differs('kinds of server frames', framesOf(line, 's').map(kind), proxy.passed.server.map(kind));
      return;
    }
    differs('result', { rc, stdout, stderr } satisfies ToolResult, found);
    differs('server frames', framesOf(line, 's').map(maskGeneration), proxy.passed.server.map(maskGeneration));
  }
}
