/** The modules that are shipped, in the order in which they run where `after` says nothing. */
import type { PostInstallModule } from '../module.ts';
import { adminUser } from './admin-user/module.ts';
import { repositories } from './repositories/module.ts';
import { ssh } from './ssh/module.ts';

export const MODULES: readonly PostInstallModule[] = [repositories, adminUser, ssh];
