"""The document that the installer sends when the node stands: schema 1.2 in alphabetical order (9.2), or 1.1 as declared (8.4)."""
import json
import os
import re

import machine


def host_keys(target):
    keys = {}
    for kind in ("ecdsa", "ed25519", "rsa"):
        line = machine.read_line(f"{target}/etc/ssh/ssh_host_{kind}_key.pub")
        if line is not None:
            keys[kind] = line
    return keys


def cpu_info():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        text = file.read()
    one = lambda key: (re.search(rf"^{key}\s*:\s*(.*)$", text, re.MULTILINE) or [None, ""])[1]
    flags = one("flags")
    threads = len(re.findall(r"^processor\s*:", text, re.MULTILINE))
    return {
        "cores": int(one("cpu cores") or threads),
        "cpus": threads,
        "flags": flags,
        "hvm": "vmx" in flags.split() or "svm" in flags.split(),
        "model": one("model name"),
        "sockets": len(set(re.findall(r"^physical id\s*:\s*(\d+)$", text, re.MULTILINE))) or 1,
    }


def without_false(entry):
    """Booleans that are false are left out."""
    return {key: value for key, value in entry.items() if value is not False}


def file_system(setup):
    name = setup["filesystem"]
    return f"{name} ({setup[name]['raid'].upper()})" if name in ("zfs", "btrfs") else name


def document(info, answer, found, network, target):
    new = info["RELEASE"].startswith("9.2")
    kernel = os.uname()
    efi = os.path.isdir("/sys/firmware/efi")
    bootdisks = found["disks"]
    disks = machine.disks()
    links = []
    for name, properties in machine.interfaces().items():
        management = name == network["port"]
        entry = {"mac": machine.mac_of(name), "is-management": management, "udev-properties": properties}
        if management:
            entry["address"] = network["cidr"]
        if new:
            entry["name"] = name
        links.append(without_false(entry))
    body = {
        "$schema": {"version": "1.2" if new else "1.1"},
        "debian-version": machine.read_line(f"{target}/etc/debian_version"),
        "product": {"fullname": info["PRODUCTLONG"], "short": info["PRODUCT"], "version": f"{info['RELEASE']}.1"},
        "iso": {"release": info["RELEASE"], "isorelease": info["ISORELEASE"]},
        "kernel-version": {
            "sysname": kernel.sysname,
            "release": kernel.release,
            "version": kernel.version,
            "machine": kernel.machine,
        },
        "boot-info": without_false({"mode": "efi" if efi else "bios", "secureboot": False}),
        "cpu-info": cpu_info(),
        "dmi": machine.read_dmi(info["RELEASE"]),
        "filesystem": file_system(answer["disk-setup"]),
        "fqdn": found["fqdn"],
        "machine-id": machine.read_line(f"{target}/etc/machine-id"),
        "disks": [
            without_false(
                {
                    # The configured size, the same for every disk: hdsize in bytes.
                    "size": int(disks[bootdisks[0]]["SIZE_BYTES"]),
                    "is-bootdisk": path in bootdisks,
                    "udev-properties": {key: value for key, value in properties.items() if key != "SIZE_BYTES"},
                }
            )
            for path, properties in disks.items()
        ],
        "network-interfaces": links,
        "ssh-public-host-keys": host_keys(target),
        "reboot-mode": answer["global"].get("reboot-mode", "reboot"),
    }
    token = answer["post-installation-webhook"].get("auth-token")
    if new and token:
        body["token"] = token
    return json.dumps(body, separators=(",", ":"), sort_keys=new, ensure_ascii=False).encode()
