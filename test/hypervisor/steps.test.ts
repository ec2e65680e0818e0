import t from 'tap';
import { DONE, Task, task } from '../../hypervisor/steps.js';
import { PAGE_SIZE } from '../../protocol/memory.js';
import { openMemory } from '../support/open-memory.js';

const HERE = PAGE_SIZE + 64;

/** What the steps below work on: a log, a door, and the task itself for steps that meddle with it. */
interface Bench {
  readonly log: string[];
  open: boolean;
  task: Task<Bench> | null;
}

const bench = (): Bench => ({ log: [], open: true, task: null });

const ORDER = task<Bench>('order', {
  first: ({ log }) => void log.push('first'),
  second: { when: ({ open }) => open, run: ({ log }) => void log.push('second') },
  third: ({ log }) => void log.push('third'),
});

function made(definition: ReturnType<typeof task<Bench>>) {
  const memory = openMemory(2);
  const context = bench();
  const made = new Task(memory, definition, context, HERE);
  context.task = made;
  return { memory, context, task: made, position: () => memory.read32(HERE) };
}

t.test('the steps of a task run in the order in which they are written, one at a time', async (t) => {
  const { context, task, position } = made(ORDER);
  t.strictSame([task.running, task.ready(), task.next, position()], [false, false, 'idle', 0]);
  task.start();
  for (const [i, name] of ['first', 'second', 'third'].entries()) {
    t.strictSame([task.running, task.ready(), task.next, position()], [true, true, name, i + 1]);
    t.ok(task.at(name));
    t.equal(context.log.length, i);
    task.step();
    t.equal(context.log.at(-1), name);
  }
  t.strictSame(
    [task.running, task.ready(), task.next, position()],
    [false, false, 'idle', 0],
    'after the last it ends',
  );
});

t.test('a step that waits is not ready until its condition holds, and the task runs meanwhile', async (t) => {
  const { context, task } = made(ORDER);
  context.open = false;
  task.start();
  t.ok(task.ready(), 'the first has no condition');
  task.step();
  t.strictSame([task.running, task.ready(), task.next], [true, false, 'second']);
  context.open = true;
  t.ok(task.ready());
});

t.test('the position of a task lies in memory: who copies the page copies the task', async (t) => {
  const memory = openMemory(2);
  const [one, two] = [bench(), bench()];
  const original = new Task(memory, ORDER, one, HERE);
  const copy = new Task(memory, ORDER, two, HERE + PAGE_SIZE);
  t.equal(original.address, HERE);
  original.start();
  original.step();
  memory.copyPage(1, 2);
  t.ok(copy.at('second'));
  copy.step();
  t.strictSame([one.log, two.log], [['first'], ['second']], 'each works on its own');
  t.ok(original.at('second'));
  t.ok(copy.at('third'));
});

t.test('undo puts a task back, also from its end and from before its start', async (t) => {
  const { memory, task } = made(ORDER);
  task.start();
  task.step();
  const { journalLength, hashLow, hashHigh } = memory;
  task.step();
  task.step();
  t.notOk(task.running);
  memory.undo(journalLength, hashLow, hashHigh);
  t.ok(task.at('second'));
  memory.undo(0, 0, 0);
  t.notOk(task.running);
});

t.test('a step may name the step to go to, forwards, backwards and itself', async (t) => {
  const definition = task<Bench>('jump', {
    start: ({ log }) => (log.push('start') > 4 ? 'end' : 'again'),
    never: ({ log }) => void log.push('never'),
    again: ({ log }) => (log.push('again') < 3 ? 'again' : 'start'),
    end: ({ log }) => void log.push('end'),
  });
  const { context, task: jump } = made(definition);
  for (jump.start(); jump.running; ) jump.step();
  t.strictSame(context.log, ['start', 'again', 'again', 'start', 'again', 'start', 'end']);
});

t.test('a step may end the task with DONE', async (t) => {
  const definition = task<Bench>('done', {
    only: ({ open }) => (open ? DONE : undefined),
    never: ({ log }) => void log.push('never'),
  });
  const { context, task: ending } = made(definition);
  ending.start();
  ending.step();
  t.notOk(ending.running);
  context.open = false;
  ending.start();
  ending.step();
  t.ok(ending.at('never'), 'a step that returns nothing goes on');
});

t.test('a task begins at the step named, and a task that runs begins anew', async (t) => {
  const { task } = made(ORDER);
  task.start('third');
  t.ok(task.at('third'));
  task.start();
  t.ok(task.at('first'));
  task.start('second');
  task.stop();
  t.notOk(task.running);
  t.notOk(task.ready());
});

t.test('a step that restarts, moves or stops its own task has the last word', async (t) => {
  const meddle = (body: (task: Task<Bench>) => void): Task<Bench> => {
    const definition = task<Bench>('meddle', {
      first: ({ log }) => void log.push('first'),
      middle: (context) => {
        if (context.task !== null) body(context.task);
        return 'last';
      },
      last: () => {},
      other: () => {},
    });
    const { task: meddling } = made(definition);
    meddling.start('middle');
    meddling.step();
    return meddling;
  };
  t.ok(meddle(() => {}).at('last'));
  t.ok(meddle((task) => task.start()).at('first'));
  t.ok(meddle((task) => task.start('other')).at('other'));
  t.notOk(meddle((task) => task.stop()).running);
});

t.test('a step that ends by going where it is runs again', async (t) => {
  const definition = task<Bench>('loop', { only: ({ log }) => (log.push('x') < 3 ? 'only' : DONE) });
  const { context, task: loop } = made(definition);
  for (loop.start(); loop.running; ) loop.step();
  t.equal(context.log.length, 3);
});

t.test('a step that throws leaves the task where it was', async (t) => {
  const definition = task<Bench>('throws', {
    bad: () => {
      throw new Error('no');
    },
  });
  const { task: bad } = made(definition);
  bad.start();
  t.throws(() => bad.step(), { message: 'no' });
  t.ok(bad.at('bad'));
});

t.test('a task is exclusive when it is declared so', async (t) => {
  t.equal(task<Bench>('a', { step: () => {} }).exclusive, false);
  t.equal(task<Bench>('a', { step: () => {} }, { exclusive: true }).exclusive, true);
  t.equal(task<Bench>('a', { step: () => {} }, {}).exclusive, false);
});

t.test('mistakes of whoever declares or drives a task are named', async (t) => {
  const { memory, task: idle } = made(ORDER);
  t.throws(() => task('empty', {}), { name: 'AssertionError', message: /task empty: expected at least one step/ });
  t.throws(() => idle.step(), { name: 'AssertionError', message: /task order: it does not run/ });
  t.throws(() => idle.start('fourth'), { name: 'AssertionError', message: /task order: there is no step fourth/ });
  t.throws(() => idle.at('fourth'), { name: 'AssertionError' });
  t.throws(() => new Task(memory, ORDER, bench(), HERE + 2), { name: 'AssertionError', message: /a multiple of 4/ });
  const wild = made(task<Bench>('wild', { step: () => 'nowhere' })).task;
  wild.start();
  t.throws(() => wild.step(), { name: 'AssertionError', message: /task wild: there is no step nowhere/ });
});

t.test('a definition keeps the names of its steps in order', async (t) => {
  t.strictSame([ORDER.name, ORDER.stepNames], ['order', ['first', 'second', 'third']]);
});
