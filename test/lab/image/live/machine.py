"""What the live system knows of its machine: DMI, interfaces, disks, the lease, and the system information that it sends."""
import glob
import ipaddress
import json
import os
import re
import subprocess

LEASES = "/var/lib/dhcp/dhclient.leases"
DMI = "/sys/class/dmi/id"
DMI_FILES = {
    "baseboard": {"asset_tag": "board_asset_tag", "serial": "board_serial", "name": "board_name"},
    "chassis": {"serial": "chassis_serial", "sku": "chassis_sku", "asset_tag": "chassis_asset_tag"},
    "system": {"serial": "product_serial", "sku": "product_sku", "uuid": "product_uuid", "name": "product_name"},
}


def read_line(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return None


def read_cd_info(path="/cdrom/.cd-info"):
    """RELEASE, ISORELEASE, PRODUCT, PRODUCTLONG: shell assignments in single quotes."""
    with open(path, encoding="utf-8") as file:
        return dict(re.findall(r"^([A-Z]+)='([^']*)'$", file.read(), re.MULTILINE))


def read_dmi(release):
    new = release.startswith("9.2")
    found = {}
    for group in ("baseboard", "chassis", "system") if new else ("system", "baseboard", "chassis"):
        values = {key: read_line(f"{DMI}/{name}") for key, name in DMI_FILES[group].items()}
        found[group] = {key: value for key, value in values.items() if value is not None}
    return found


def interface_names():
    """Everything but lo, in kernel order."""
    names = [name for name in os.listdir("/sys/class/net") if name != "lo"]
    return sorted(names, key=lambda name: int(read_line(f"/sys/class/net/{name}/ifindex") or 0))


def mac_of(name):
    return read_line(f"/sys/class/net/{name}/address") or ""


def udev_properties(path):
    shown = subprocess.run(
        ["udevadm", "info", "--query=property", f"--path={path}"], capture_output=True, text=True, check=True
    ).stdout
    return dict(line.split("=", 1) for line in shown.splitlines() if "=" in line)


def interfaces():
    return {name: udev_properties(f"/sys/class/net/{name}") for name in interface_names()}


def disks():
    """Candidate disks: no ram, loop, md, dm, floppy or optical device, nothing that holds an ISO 9660 file system."""
    found = {}
    for path in sorted(glob.glob("/sys/block/*")):
        name = os.path.basename(path)
        if re.match(r"(ram|loop|md|dm-|fd|sr)", name):
            continue
        properties = udev_properties(path)
        if properties.get("ID_FS_TYPE") == "iso9660":
            continue
        found[f"/dev/{name}"] = {**properties, "SIZE_BYTES": str(int(read_line(f"{path}/size") or 0) * 512)}
    return found


def read_lease():
    """The last lease in dhclient's file: `interface`, `fixed-address` and its options by name, quotes taken off."""
    try:
        with open(LEASES, encoding="utf-8", errors="replace") as file:
            blocks = re.findall(r"lease \{(.*?)\n\}", file.read(), re.DOTALL)
    except OSError:
        return {}
    if not blocks:
        return {}
    lease = {}
    for line in blocks[-1].splitlines():
        entry = re.match(r"\s*(?:option )?([a-z0-9-]+) (.*);$", line)
        if entry:
            lease[entry[1]] = entry[2].strip('"')
    return lease


def network_of(answer, lease, facts):
    """Address with prefix, gateway, DNS server and port of the node: the lease's, written as a static configuration, or the answer's.
    `others` are the remaining ports, which stay without a configuration."""
    network = choose_network(answer, lease, facts)
    return {**network, "others": [name for name in interface_names() if name != network["port"]]}


def choose_network(answer, lease, facts):
    if answer["network"]["source"] == "from-answer":
        network = answer["network"]
        return {
            "port": facts["interface"],
            "cidr": network["cidr"],
            "gateway": network["gateway"],
            "dns": network["dns"],
        }
    if "fixed-address" not in lease or "routers" not in lease:
        # Without a route the official installer gives the node this address on its first interface.
        return {"port": interface_names()[0], "cidr": "192.168.100.2/24", "gateway": "192.168.100.1", "dns": "192.168.100.1"}
    prefix = ipaddress.ip_network(f"0.0.0.0/{lease['subnet-mask']}").prefixlen
    return {
        "port": lease["interface"],
        "cidr": f"{lease['fixed-address']}/{prefix}",
        "gateway": lease["routers"].split(",")[0],
        "dns": lease.get("domain-name-servers", "127.0.0.1").split(",")[0],
    }


def system_information(info):
    """The body of the one POST for the answer, in the release's key order, without spaces."""
    release = info["RELEASE"]
    # 9.2 sends MACs in upper case, everything before it in lower case.
    shown = str.upper if release.startswith("9.2") else str.lower
    return json.dumps(
        {
            "$schema": {"version": "1.0"},
            "product": {
                "fullname": info["PRODUCTLONG"],
                "product": info["PRODUCT"],
                "enable_btrfs": info["PRODUCT"] == "pve",
            },
            "iso": {"release": release, "isorelease": info["ISORELEASE"]},
            "dmi": read_dmi(release),
            "network_interfaces": [{"link": name, "mac": shown(mac_of(name))} for name in interface_names()],
        },
        separators=(",", ":"),
        ensure_ascii=False,
    ).encode()
