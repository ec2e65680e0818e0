/**
 * The manifests for Kubernetes against the API's rules for such Jobs and against what the command does: every index is
 * run as the kubelet would run it, and what the policy says is held against the statuses that the command ends with.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { parseAllDocuments } from 'yaml';
import { EXIT } from '../cli/exit-status.js';
import { type Output, quiesce } from './support/fake-terminal.js';

interface Rule {
  readonly action: string;
  readonly onExitCodes?: {
    readonly containerName: string;
    readonly operator: string;
    readonly values: readonly number[];
  };
  readonly onPodConditions?: readonly { readonly type: string; readonly status: string }[];
}

interface Container {
  readonly name: string;
  readonly env?: readonly {
    readonly name: string;
    readonly valueFrom: { readonly fieldRef: { readonly fieldPath: string } };
  }[];
  readonly command: readonly string[];
  readonly args: readonly string[];
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
}

interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly completionMode?: string;
    readonly completions: number;
    readonly parallelism: number;
    readonly backoffLimit?: number;
    readonly backoffLimitPerIndex?: number;
    readonly maxFailedIndexes?: number;
    readonly activeDeadlineSeconds: number;
    readonly podFailurePolicy: { readonly rules: readonly Rule[] };
    readonly template: {
      readonly spec: {
        readonly restartPolicy: string;
        readonly containers: readonly Container[];
        readonly volumes: readonly {
          readonly name: string;
          readonly persistentVolumeClaim: { readonly claimName: string };
        }[];
      };
    };
  };
}

const documents = parseAllDocuments(readFileSync('deploy/kubernetes/campaign.yaml', 'utf8'), { strict: true });
const manifests = documents.map((document) => {
  if ('errors' in document && document.errors.length > 0) throw document.errors[0];
  return document.toJS() as Manifest;
});
const named = (name: string): Manifest => {
  const found = manifests.find(({ metadata }) => metadata.name === name);
  if (found === undefined) throw new Error(`there is no ${name}`);
  return found;
};
const campaign = named('quiesce-campaign');
const report = named('quiesce-report');
const containerOf = ({ spec }: Manifest): Container => spec.template.spec.containers[0] as Container;

/** What Kubernetes writes into the annotation of the pod of an index, and expands in arguments. */
function argumentsOf({ env = [], args }: Container, index: number): readonly string[] {
  const values = new Map(
    env.map(({ name, valueFrom }) => {
      const { fieldPath } = valueFrom.fieldRef;
      if (fieldPath !== "metadata.annotations['batch.kubernetes.io/job-completion-index']") throw new Error(fieldPath);
      return [name, String(index)];
    }),
  );
  return args.map((arg) =>
    arg.replace(/\$\(([A-Z_]+)\)/g, (_, name: string) => {
      const value = values.get(name);
      // The kubelet leaves what it does not know as it is, which no command understands.
      if (value === undefined) throw new Error(`$(${name}) is not set`);
      return value;
    }),
  );
}

/** Runs a container's command with another folder for its volume, and with other options in place of its own of the same name. */
function inPod(container: Container, index: number, results: string, more: readonly string[] = []): Promise<Output> {
  const [mount] = container.volumeMounts;
  const argv = argumentsOf(container, index).map((arg) => arg.replaceAll(mount?.mountPath ?? '', results));
  const own = argv.filter((word) => !more.includes(word.replace(/=.*/, '')));
  return quiesce([...own, ...more]);
}

function actionFor({ spec }: Manifest, status: number): string {
  const rule = spec.podFailurePolicy.rules.find(({ onExitCodes }) => onExitCodes?.values.includes(status));
  return rule?.action ?? 'Count';
}

t.test('each Job keeps the rules of its API', async (t) => {
  t.match(
    manifests.map(({ apiVersion, kind }) => `${apiVersion} ${kind}`),
    ['v1 PersistentVolumeClaim', 'batch/v1 Job', 'batch/v1 Job'],
  );
  for (const job of [campaign, report]) {
    const { restartPolicy, containers, volumes } = job.spec.template.spec;
    t.equal(restartPolicy, 'Never', 'a policy for failures asks for it');
    t.ok(job.spec.activeDeadlineSeconds > 0, 'nothing runs for ever');
    t.equal(containers.length, 1);
    const container = containerOf(job);
    t.strictSame(container.command, ['quiesce']);
    t.strictSame(
      container.volumeMounts.map(({ name }) => name),
      volumes.map(({ name }) => name),
    );
    t.equal(volumes[0]?.persistentVolumeClaim.claimName, named('quiesce-results').metadata.name);
    for (const { action, onExitCodes, onPodConditions } of job.spec.podFailurePolicy.rules) {
      t.ok(['Ignore', 'FailJob', 'FailIndex', 'Count'].includes(action));
      t.equal((onExitCodes === undefined ? 0 : 1) + (onPodConditions === undefined ? 0 : 1), 1, 'exactly one of both');
      if (onExitCodes !== undefined) {
        t.equal(onExitCodes.containerName, container.name);
        t.equal(onExitCodes.operator, 'In');
        t.notOk(onExitCodes.values.includes(0), 'with In, 0 is not allowed');
      } else t.strictSame(onPodConditions, [{ type: 'DisruptionTarget', status: 'True' }]);
      t.ok(
        action !== 'FailIndex' || job.spec.backoffLimitPerIndex !== undefined,
        'FailIndex asks for a limit per index',
      );
    }
  }
  const {
    completionMode,
    completions,
    parallelism,
    backoffLimit,
    backoffLimitPerIndex,
    maxFailedIndexes = 0,
  } = campaign.spec;
  t.match({ completionMode, backoffLimit }, { completionMode: 'Indexed', backoffLimit: undefined });
  t.ok((backoffLimitPerIndex ?? 0) > 0 && maxFailedIndexes <= completions && parallelism <= completions);
});

t.test('the indexes are the shards, and their results merge to the report', async (t) => {
  const folder = t.testdir({});
  const container = containerOf(campaign);
  const { completions } = campaign.spec;
  // The worlds and the number of runs are made small; shards, files and everything else are the manifest's.
  const small = ['--runs', '640', '--tpmfront', 'linux', '--scenario', 'checkpoint', '--commands', '1'];
  for (let index = 0; index < completions; index++) {
    const { status, err } = await inPod(container, index, folder, small);
    t.match({ status, err }, { status: EXIT.holds, err: '' }, `index ${index}`);
  }
  t.equal((await inPod(container, completions, folder, small)).status, EXIT.refused, 'and there are no more');
  const { status, out } = await inPod(containerOf(report), 0, folder);
  t.equal(status, EXIT.fails, 'what a shard has found does not fail its pod, but the report');
  t.match(JSON.parse(out), { shards: completions, runs: 640, failures: [{ oracle: 'in-step' }] });
  // The same shard again, as after an eviction.
  await inPod(container, 3, folder, small);
  t.equal((await inPod(containerOf(report), 0, folder)).out, out);
});

t.test('the policy says for each exit status what follows from it', async (t) => {
  t.equal(actionFor(campaign, EXIT.refused), 'FailJob', 'all shards have the same command');
  t.equal(actionFor(campaign, EXIT.fault), 'FailIndex', 'the same shard ends in the same way');
  t.equal(actionFor(campaign, 137), 'Count', 'too little memory may be another machine’s bad luck');
  for (const status of [EXIT.fails, EXIT.refused, EXIT.fault]) t.equal(actionFor(report, status), 'FailJob');
  const container = containerOf(campaign);
  const folder = t.testdir({});
  t.equal(
    (await inPod(container, 0, join(folder, 'none'), ['--runs', '16'])).status,
    EXIT.refused,
    'a volume is missing',
  );
  t.equal((await inPod(container, 0, folder, ['--scenario', 'x'])).status, EXIT.refused, 'a wrong option');
  t.equal((await inPod(containerOf(report), 0, folder)).status, EXIT.refused, 'no shard has been run');
});
