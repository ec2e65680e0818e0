import t from 'tap';
import { AssertionError, assert, unreachable } from '../protocol/assert.js';
import { QuiesceError } from '../protocol/errors.js';

t.test('an assertion that holds does nothing, one that does not throws its message', async (t) => {
  assert(true, 'never seen');
  t.throws(() => assert(false, 'two is three'), { name: 'AssertionError', message: 'two is three' });
  t.throws(() => assert(false, 'x'), AssertionError);
});

t.test('unreachable shows the value that reached it', async (t) => {
  t.throws(() => unreachable('left' as never), { name: 'AssertionError', message: 'unreachable: left' });
});

t.test('an error of operation has a code a program can test', async (t) => {
  const error = new QuiesceError('RING_OVERFLOW', 'expected at most 4 requests, found 5');
  t.ok(error instanceof Error);
  t.notOk(error instanceof AssertionError);
  t.match(error, { name: 'QuiesceError', code: 'RING_OVERFLOW', message: /at most 4/ });
});
