/** Product releases (`9.2`) as the installer image names them, and their order. */

export const PRODUCTS = ['pve', 'pbs', 'pmg', 'pdm'] as const;
export type Product = (typeof PRODUCTS)[number];

export const PRODUCT_NAMES: Readonly<Record<Product, string>> = {
  pve: 'Proxmox VE',
  pbs: 'Proxmox Backup Server',
  pmg: 'Proxmox Mail Gateway',
  pdm: 'Proxmox Datacenter Manager',
};

/** The newest release of each product that Ironwake knows: what counts where nothing says another. */
export const NEWEST_RELEASES: Readonly<Record<Product, string>> = { pve: '9.2', pbs: '4.2', pmg: '9.1', pdm: '1.1' };

export function isProduct(text: unknown): text is Product {
  return PRODUCTS.some((product) => product === text);
}

/**
 * Negative, zero or positive as `a` is older than, equal to or newer than `b`. Compares numbers, not text (`9.10` is newer than `9.2`), and
 * reads a missing part as 0.
 */
export function compareReleases(a: string, b: string): number {
  const left = a.split('.').map(Number);
  const right = b.split('.').map(Number);
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
