/** The modules that are shipped, in the order in which they run where `requires` and `after` say nothing. */
import type { PostInstallModule } from '../module.ts';
import { adminUser } from './admin-user/module.ts';
import { customScripts } from './custom-scripts/module.ts';
import { dns } from './dns/module.ts';
import { fail2ban } from './fail2ban/module.ts';
import { firewall } from './firewall/module.ts';
import { hosts } from './hosts/module.ts';
import { kernelModules } from './kernel-modules/module.ts';
import { locale } from './locale/module.ts';
import { network } from './network/module.ts';
import { repositories } from './repositories/module.ts';
import { services } from './services/module.ts';
import { ssh } from './ssh/module.ts';
import { sysctl } from './sysctl/module.ts';
import { time } from './time/module.ts';
import { timezone } from './timezone/module.ts';
import { unattendedUpgrades } from './unattended-upgrades/module.ts';
import { upgrade } from './upgrade/module.ts';

export const MODULES: readonly PostInstallModule[] = [
  dns,
  hosts,
  repositories,
  time,
  upgrade,
  locale,
  timezone,
  sysctl,
  kernelModules,
  services,
  unattendedUpgrades,
  adminUser,
  ssh,
  network,
  firewall,
  fail2ban,
  customScripts,
];
