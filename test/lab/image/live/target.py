"""Writes the node to its disks: partitions, file system, the base system, and what the official installer leaves on it."""
import glob
import os
import subprocess
import uuid

ROOT = "/target"
SOURCE = "/.base"
HOOK_FOLDER = "/var/lib/proxmox-first-boot"
# Unit of each ordering and its place in the boot (package proxmox-first-boot). `fully-up` comes after the product's API proxy; the
# stand-in has none.
UNITS = {
    "before-network": (
        "proxmox-first-boot-network-pre",
        "Before=network-pre.target\nWants=network-pre.target\nDefaultDependencies=no\nAfter=local-fs.target systemd-remount-fs.service",
        "network.target",
    ),
    "network-online": (
        "proxmox-first-boot-network-online",
        "After=network-online.target\nWants=network-online.target",
        "multi-user.target",
    ),
    "fully-up": (
        "proxmox-first-boot-multi-user",
        "After=network-online.target ssh.service systemd-user-sessions.service\nWants=network-online.target",
        "multi-user.target",
    ),
}
# Words of the kernel command line that do not reach the node; everything else does (contract 3.3).
DROPPED_PREFIXES = ("BOOT_IMAGE=", "root=", "ramdisk_size=", "splash=", "vga=", "proxmox-")
DROPPED_WORDS = {"ro", "rw", "quiet", "proxdebug", "proxtui", "proxauto"}

open_mounts = []


def run(*command, text=None):
    subprocess.run(command, check=True, input=text, text=True, stdout=subprocess.DEVNULL)


def mount(*arguments):
    run("mount", *arguments)
    open_mounts.append(arguments[-1])


def unmount(path):
    run("umount", path)
    open_mounts.remove(path)


def close():
    while open_mounts:
        run("umount", open_mounts.pop())


def write(path, content, mode=0o644):
    full = ROOT + path
    os.makedirs(os.path.dirname(full), exist_ok=True)
    data = content if isinstance(content, bytes) else content.encode()
    with open(os.open(full, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
        file.write(data)
    os.chmod(full, mode)


def append(path, content):
    with open(ROOT + path, "a", encoding="utf-8") as file:
        file.write(content)


def leftovers():
    """What of the live system's command line stays on the node for ever."""
    with open("/proc/cmdline", encoding="utf-8") as file:
        words = file.read().split()
    return [word for word in words if word not in DROPPED_WORDS and not word.startswith(DROPPED_PREFIXES)]


def partition(disk):
    """BIOS boot, EFI system partition, root: the official scheme, smaller. Returns the paths of the last two."""
    # An earlier installation's file systems go with their partitions: a btrfs that finds an old member beside its new ones does not mount.
    old = sorted(glob.glob(f"{disk}[0-9]*"))
    if old:
        run("wipefs", "-qaf", *old)
    run("wipefs", "-qaf", disk)
    run(
        "sfdisk", "-q", "--wipe", "always", disk,
        text="label: gpt\nsize=1MiB, type=21686148-6449-6E6F-744E-656564454649\nsize=64MiB, type=uefi\ntype=linux\n",
    )
    run("udevadm", "settle")
    return f"{disk}2", f"{disk}3"


def make_root(setup, partitions, root_uuid):
    """The root's file system over its partitions, one of each disk. Returns how it is mounted now, and its options in fstab."""
    filesystem = setup["filesystem"]
    if filesystem == "ext4":
        run("mkfs.ext4", "-q", "-F", "-U", root_uuid, "-E", "lazy_itable_init=1,lazy_journal_init=1", *partitions)
        # Barriers guard against power loss: nothing that a disk in the making needs.
        return "nobarrier,noatime", "errors=remount-ro"
    if filesystem == "xfs":
        run("mkfs.xfs", "-q", "-f", "-m", f"uuid={root_uuid}", *partitions)
        return "noatime", "defaults"
    options = setup["btrfs"]
    # Loaded by hand: the members of a mirror have to be made known to it before they are mounted.
    run("modprobe", "btrfs")
    run("mkfs.btrfs", "-q", "-f", "-U", root_uuid, "-d", options["raid"], "-m", options["raid"], *partitions)
    run("btrfs", "device", "scan", *partitions)
    compress = {"off": "", "on": ",compress"}.get(options.get("compress", "off"), f",compress={options.get('compress')}")
    # As the official one: what the installer itself writes is not compressed.
    return "nobarrier,noatime", f"defaults{compress}"


def hook_unit(ordering):
    """The official unit: oneshot, as long as the flag is there, which only success removes."""
    name, placed, wanted = UNITS[ordering]
    unit = f"""[Unit]
Description=Proxmox First Boot Setup ({ordering})
ConditionPathExists={HOOK_FOLDER}/pending-first-boot-setup
ConditionFileIsExecutable={HOOK_FOLDER}/proxmox-first-boot
{placed}

[Service]
Type=oneshot
RemainAfterExit=yes
TimeoutStartSec=infinity
ExecStart={HOOK_FOLDER}/proxmox-first-boot {ordering}
ExecStartPost=/usr/bin/rm {HOOK_FOLDER}/pending-first-boot-setup

[Install]
Alias=proxmox-first-boot.service
WantedBy={wanted}
"""
    return name, unit


def stage_hook(hook, ordering):
    os.makedirs(ROOT + HOOK_FOLDER, mode=0o700)
    os.chmod(ROOT + HOOK_FOLDER, 0o700)
    write(f"{HOOK_FOLDER}/proxmox-first-boot", hook, 0o755)
    write(f"{HOOK_FOLDER}/pending-first-boot-setup", "")
    name, unit = hook_unit(ordering)
    write(f"/usr/lib/systemd/system/{name}.service", unit)
    run("systemctl", "--quiet", f"--root={ROOT}", "enable", f"{name}.service")


def vendor_key():
    """The mirror's key in the vendor's place; empty when the image was built without one."""
    try:
        with open("/standin/keyring.gpg", "rb") as file:
            return file.read()
    except FileNotFoundError:
        return b""


def repositories(info):
    """The enterprise repositories as the product's packages ship them. http instead of https: the lab's mirror stands for both names."""
    # Under either release the node is a Debian 12, so the key lies where either puts it.
    keyring = "/usr/share/keyrings/proxmox-archive-keyring.gpg"
    write(keyring, vendor_key())
    write("/etc/apt/trusted.gpg.d/proxmox-release-bookworm.gpg", vendor_key())
    if info["RELEASE"].startswith("9"):
        for name, path, component in (("pve-enterprise", "pve", "pve-enterprise"), ("ceph", "ceph-squid", "enterprise")):
            write(
                f"/etc/apt/sources.list.d/{name}.sources",
                f"Types: deb\nURIs: http://enterprise.proxmox.com/debian/{path}\nSuites: trixie\nComponents: {component}\n"
                f"Signed-By: {keyring}\n",
            )
    else:
        write(
            "/etc/apt/sources.list.d/pve-enterprise.list",
            "deb http://enterprise.proxmox.com/debian/pve bookworm pve-enterprise\n",
        )
        write("/etc/apt/sources.list.d/ceph.list", "deb http://enterprise.proxmox.com/debian/ceph-quincy bookworm enterprise\n")


def configure(info, answer, found, network):
    settings = answer["global"]
    host, domain = found["fqdn"].split(".", 1)
    address = network["cidr"].split("/")[0]
    write("/etc/hostname", f"{host}\n")
    write(
        "/etc/hosts",
        f"127.0.0.1 localhost.localdomain localhost\n{address} {found['fqdn']} {host}\n\n"
        "# The following lines are desirable for IPv6 capable hosts\n\n::1     ip6-localhost ip6-loopback\n",
    )
    others = "".join(f"iface {name} inet manual\n\n" for name in network["others"])
    write(
        "/etc/network/interfaces",
        f"auto lo\niface lo inet loopback\n\niface {network['port']} inet manual\n\n{others}"
        f"auto vmbr0\niface vmbr0 inet static\n\taddress {network['cidr']}\n\tgateway {network['gateway']}\n"
        f"\tbridge-ports {network['port']}\n\tbridge-stp off\n\tbridge-fd 0\n\n\nsource /etc/network/interfaces.d/*\n",
    )
    # Proxmox's bridges carry the address of their port; udev would give this one an address of its own.
    write("/etc/systemd/network/50-vmbr.link", "[Match]\nDriver=bridge\n\n[Link]\nMACAddressPolicy=none\n")
    write("/etc/resolv.conf", f"search {domain}\nnameserver {network['dns']}\n")
    os.makedirs(f"{ROOT}/etc/default", exist_ok=True)
    write("/etc/default/keyboard", f'XKBMODEL="pc105"\nXKBLAYOUT="{settings["keyboard"].split("-")[-1]}"\n')
    if os.path.lexists(f"{ROOT}/etc/localtime"):
        os.remove(f"{ROOT}/etc/localtime")
    os.symlink(f"/usr/share/zoneinfo/{settings['timezone']}", f"{ROOT}/etc/localtime")
    write("/etc/machine-id", f"{uuid.uuid4().hex}\n", 0o444)

    if "root-password-hashed" in settings:
        run("chroot", ROOT, "chpasswd", "--encrypted", text=f"root:{settings['root-password-hashed']}\n")
    else:
        run("chroot", ROOT, "chpasswd", text=f"root:{settings['root-password']}\n")
    keys = settings.get("root-ssh-keys", [])
    os.makedirs(f"{ROOT}/root/.ssh", mode=0o700, exist_ok=True)
    if keys:
        # Joined by newlines and without a final one, as the official installer does.
        write("/root/.ssh/authorized_keys", "\n".join(keys), 0o600)
    append("/etc/ssh/sshd_config", "\nPermitRootLogin yes\n")
    run("ssh-keygen", "-A", "-f", ROOT)
    comment_host_keys(host)
    # The lab is an isolated network: Debian's own archive is not there. The vendor's names lead to the lab's mirror.
    write("/etc/apt/sources.list", "")
    repositories(info)


def comment_host_keys(host):
    """ssh-keygen signs with the live system's name; the node's keys carry the node's."""
    for kind in ("rsa", "ecdsa", "ed25519"):
        path = f"/etc/ssh/ssh_host_{kind}_key.pub"
        with open(ROOT + path, encoding="utf-8") as file:
            algorithm, key = file.read().split()[:2]
        write(path, f"{algorithm} {key} root@{host}\n")


def boot_loader(disks, esps, root_uuid):
    """On every disk of the root, so that each can boot the node when another is gone."""
    kernel = next(name for name in os.listdir(f"{ROOT}/boot") if name.startswith("vmlinuz-"))
    extra = leftovers()
    write("/etc/default/grub.d/installer.cfg", f'GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX {" ".join(extra)}"\n')
    # The lab reads the node's console, whatever the boot script passed.
    console = [] if any(word.startswith("console=ttyS0") for word in extra) else ["console=ttyS0,115200"]
    words = " ".join([f"root=UUID={root_uuid}", "ro", *extra, *console])
    write(
        "/boot/grub/grub.cfg",
        f"set timeout=0\nsearch --no-floppy --fs-uuid --set=root {root_uuid}\n"
        f"linux /boot/{kernel} {words}\ninitrd /boot/{kernel.replace('vmlinuz', 'initrd.img')}\nboot\n",
    )
    common = ("grub-install", f"--boot-directory={ROOT}/boot", "--no-floppy")
    efi = f"{ROOT}/boot/efi"
    os.makedirs(efi, exist_ok=True)
    for disk, esp in zip(disks, esps):
        run(*common, f"--directory={ROOT}/usr/lib/grub/i386-pc", "--target=i386-pc", disk)
        mount(esp, efi)
        run(
            *common, f"--directory={ROOT}/usr/lib/grub/x86_64-efi", "--target=x86_64-efi",
            f"--efi-directory={efi}", "--removable", "--no-nvram",
        )
        unmount(efi)
    return words


def install(info, answer, found, network, hook, say):
    """Installs to `found["disks"]`; the target stays mounted until `close`. Returns its root."""
    setup, disks = answer["disk-setup"], found["disks"]
    esps, roots = zip(*[partition(disk) for disk in disks])
    root_uuid = str(uuid.uuid4())
    mounted, options = make_root(setup, roots, root_uuid)
    for esp in esps:
        run("mkfs.vfat", "-F", "32", "-s", "1", esp)
    say(f"{' '.join(disks)}: partitions and file systems made, {setup['filesystem']}")
    os.makedirs(ROOT, exist_ok=True)
    mount("-o", mounted, roots[0], ROOT)
    run("unsquashfs", "-f", "-n", "-q", "-d", ROOT, "/cdrom/pve-base.squashfs")
    say("base system copied")
    write("/etc/fstab", fstab(setup["filesystem"], root_uuid, options, esps[0]))
    mount("-t", "proc", "proc", f"{ROOT}/proc")
    configure(info, answer, found, network)
    say("system configured")
    if hook is not None:
        stage_hook(hook, answer["first-boot"].get("ordering", "fully-up"))
    words = boot_loader(disks, esps, root_uuid)
    if setup["filesystem"] == "btrfs":
        write("/etc/kernel/cmdline", f"{words}\n")
    say("boot loader installed")
    return ROOT


def fstab(filesystem, root_uuid, options, esp):
    lines = [f"UUID={root_uuid} / {filesystem} {options} 0 1"]
    # With btrfs every disk has its own, and none is mounted.
    if filesystem != "btrfs":
        shown = subprocess.run(["blkid", "-o", "value", "-s", "UUID", esp], capture_output=True, text=True, check=True)
        lines.append(f"UUID={shown.stdout.strip()} /boot/efi vfat defaults 0 1")
    return "".join(f"{line}\n" for line in [*lines, "proc /proc proc defaults 0 0"])
