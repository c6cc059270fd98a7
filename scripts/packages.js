/**
 * Debian packages that the set-up installs: what, in which layer, what for. `serve` is what a host needs that runs Ironwake, `test`
 * what its tests need on top. Names are the same in Debian 12 and 13. Add a line here when a test needs another program.
 *
 * @typedef {{ name: string, layer: 'serve' | 'test', purpose: string, arch?: 'x64' | 'arm64', service?: string }} DebianPackage
 *   `service`: what it would start on this machine. Tests want its program only: the set-up that installs it switches that off.
 */

/** @type {readonly DebianPackage[]} */
export const DEBIAN_PACKAGES = [
  { name: 'ipxe', layer: 'serve', purpose: 'boot loaders that machines fetch by TFTP (undionly.kpxe, snponly.efi)' },

  { name: 'shellcheck', layer: 'test', purpose: 'checks the shell scripts that nodes run' },
  { name: 'curl', layer: 'test', purpose: 'independent TFTP and HTTP client' },
  { name: 'tftp-hpa', layer: 'test', purpose: 'independent TFTP client (block size, tsize)' },
  { name: 'atftp', layer: 'test', purpose: 'independent TFTP client (window size)' },
  { name: 'busybox', layer: 'test', purpose: 'independent TFTP and DHCP client' },
  { name: 'dnsmasq-base', layer: 'test', purpose: 'the plain DHCP server that already is on the network' },
  { name: 'iproute2', layer: 'test', purpose: 'network namespaces' },
  { name: 'nftables', layer: 'test', purpose: 'packet filters of the network tests' },
  { name: 'procps', layer: 'test', purpose: 'sysctl, for hosts with several addresses' },
  {
    name: 'e2fsprogs',
    layer: 'test',
    purpose: 'a file system that fails while the daemon writes to it; disks of virtual machines',
  },
  { name: 'tcpdump', layer: 'test', purpose: 'captures of what went over the wire' },
  { name: 'openssl', layer: 'test', purpose: 'independent reader of certificates and password hashes' },
  {
    name: 'openssh-client',
    layer: 'test',
    purpose: 'ssh and ssh-keygen as independent peers of host keys and signatures',
  },
  { name: 'ansible-core', layer: 'test', purpose: 'reads the exported inventories' },
  {
    name: 'kea-dhcp4-server',
    layer: 'test',
    purpose: 'reads the exported reservations',
    service: 'kea-dhcp4-server',
  },
  {
    name: 'prometheus',
    layer: 'test',
    purpose: 'promtool discovers the exported targets',
    service: 'prometheus',
  },
  { name: 'zsh', layer: 'test', purpose: 'takes the completion of the command line' },
  { name: 'fish', layer: 'test', purpose: 'takes the completion of the command line' },
  { name: 'python3', layer: 'test', purpose: "the stand-in installer's independent checker (tomllib)" },
  { name: 'xorriso', layer: 'test', purpose: 'makes and reads installer images' },
  { name: 'libarchive-tools', layer: 'test', purpose: 'bsdtar, a second reader of installer images' },
  { name: 'cpio', layer: 'test', purpose: 'independent reader of the wrapped initrd' },
  { name: 'zstd', layer: 'test', purpose: "compression of the stand-in image's initrd" },
  { name: 'xz-utils', layer: 'test', purpose: "unpacks the kernel modules of the lab's guests" },
  { name: 'squashfs-tools', layer: 'test', purpose: 'file systems of the stand-in image' },
  { name: 'debootstrap', layer: 'test', purpose: 'Debian roots for containers and the stand-in image' },
  { name: 'debian-archive-keyring', layer: 'test', purpose: 'keys that debootstrap checks archives with' },
  { name: 'systemd-container', layer: 'test', purpose: 'systemd-nspawn: post-install modules with the real packages' },
  { name: 'apt-utils', layer: 'test', purpose: "apt-ftparchive: the lab's package mirror" },
  { name: 'gnupg', layer: 'test', purpose: "signs the lab's package mirror" },
  { name: 'qemu-system-x86', layer: 'test', purpose: 'virtual machines with real firmware', arch: 'x64' },
  { name: 'qemu-utils', layer: 'test', purpose: 'empty disks of the virtual machines', arch: 'x64' },
  { name: 'kmod', layer: 'test', purpose: "depmod, for the kernel modules in the stand-in image's initrd" },
  { name: 'tzdata', layer: 'test', purpose: 'zones that the stand-in installer checks answers against' },
  { name: 'libwrap0', layer: 'test', purpose: 'library of the TFTP servers that the bench unpacks as peers' },
  { name: 'ovmf', layer: 'test', purpose: 'UEFI firmware of the virtual machines', arch: 'x64' },
];

/**
 * The packages of a layer on this kind of machine; `test` includes `serve`.
 * @param {'serve' | 'test'} layer
 * @param {string} arch process.arch
 */
export function packagesOf(layer, arch = process.arch) {
  return DEBIAN_PACKAGES.filter(
    (entry) => (entry.layer === 'serve' || layer === 'test') && (entry.arch === undefined || entry.arch === arch),
  );
}
