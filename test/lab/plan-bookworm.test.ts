import { test } from 'tap';
import { planOnItsOwnKernel } from './plan.ts';

test('Debian 12, release 8.4: a plan with what needs a kernel of its own', (t) =>
  planOnItsOwnKernel(t, 'bookworm', '8.4'));
