import { test } from 'tap';
import { planOnItsOwnKernel } from './plan.ts';

test('Debian 13, release 9.2: a plan with what needs a kernel of its own', (t) =>
  planOnItsOwnKernel(t, 'trixie', '9.2'));
