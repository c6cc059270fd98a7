/** The modules that are shipped, in the order in which they run where `after` says nothing. */
import type { PostInstallModule } from '../module.ts';
import { adminUser } from './admin-user/module.ts';
import { kernelModules } from './kernel-modules/module.ts';
import { repositories } from './repositories/module.ts';
import { services } from './services/module.ts';
import { ssh } from './ssh/module.ts';
import { sysctl } from './sysctl/module.ts';

export const MODULES: readonly PostInstallModule[] = [repositories, sysctl, kernelModules, services, adminUser, ssh];
