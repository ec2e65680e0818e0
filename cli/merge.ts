/**
 * `quiesce merge`: puts the results of shards together that were run without Redis.
 */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { merged } from '../campaign/result.js';
import { parseResult } from '../campaign/result-file.js';
import { readText } from '../library/files.js';
import { type Arguments, usage } from './arguments.js';
import { reportCampaign } from './campaign-report.js';
import type { Command } from './command.js';
import type { ExitStatus } from './exit-status.js';
import type { Terminal } from './terminal.js';

const ENDING = '.json';

export const mergeCommand: Command = {
  name: 'merge',
  summary: 'one report from the results of the shards of a campaign',
  details: [
    'FILE: what `quiesce campaign --shard` or --result has written, or a folder of such files. The order does not',
    'matter, and neither does a file that is there twice. When shards are missing, --result is written, and no report.',
    'Exit status 0: nothing failed, which is no proof. 1: an oracle failed. 2: refused, or a shard is missing.',
    '3: a run taken twice was not the same.',
  ],
  options: {
    result: { value: 'FILE', help: 'write all results together to this file' },
    corpus: { value: 'DIR', help: 'put the runs that showed something new into this folder' },
    json: { help: 'print one JSON document' },
  },
  words: ['FILE...'],
  required: 1,
  run,
};

async function run(args: Arguments, terminal: Terminal): Promise<ExitStatus> {
  const files = args.words.flatMap(filesIn);
  if (files.length === 0) throw usage(`expected files that end in ${ENDING} in ${args.words.join(', ')}, found none`);
  return reportCampaign(merged(files.map((file) => parseResult(file, readText(file)))), args, terminal);
}

/** The file, or the files of the folder. */
function filesIn(path: string): readonly string[] {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) return [path];
  return readdirSync(path)
    .filter((name) => name.endsWith(ENDING) && !name.startsWith('.'))
    .sort()
    .map((name) => join(path, name));
}
