#!/usr/bin/python3
"""Checks an answer file as the official installers of release 8.2 to 9.2 do: what fails when it is parsed (P) and what fails when it
is checked without a machine (C), and what fails on the machine (M).

Written from the contract's description alone and sharing no table with the daemon, so that a misreading there shows here.

    checker.py RELEASE FILE          prints the answer as JSON, or the failure and exits with 1
    checker.py --rows                one JSON object a line on standard input, {"release", "answer", "product"?, "json"?, "machine"?}; one
                                     verdict a line
"""
import fnmatch
import functools
import ipaddress
import json
import math
import re
import sys
import tomllib

ZONES = "/usr/share/zoneinfo/zone.tab"
COUNTRIES = "/usr/share/zoneinfo/iso3166.tab"

KEYBOARDS = set(
    "de de-ch dk en-gb en-us es fi fr fr-be fr-ca fr-ch hu is it jp lt mk nl no pl pt pt-br se si tr".split()
)
RAID_ZFS = ["raid0", "raid1", "raid10", "raidz-1", "raidz-2", "raidz-3"]
RAID_BTRFS = ["raid0", "raid1", "raid10"]
OPTIONS_OF = {"ext4": "lvm", "xfs": "lvm", "zfs": "zfs", "btrfs": "btrfs"}
LEAST_DISKS = {"raid0": 1, "raid1": 2, "raid10": 4, "raidz-1": 3, "raidz-2": 4, "raidz-3": 5}
# Patterns are for `fullmatch`: `$` would let a line break at the end pass.
MAIL = re.compile(
    r"[a-zA-Z0-9.!#$%&'*+/=?^_`{|}~-]+@[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
    r"(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*"
)
PREFIX = re.compile(r"\+?[0-9]{1,40}")
# 9.1.1 has words of its own for it; from 9.1.3 on it is the pattern of Proxmox VE's interfaces, whatever the case.
PIN_NAME_OF_9_1 = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
PIN_NAME = re.compile(r"[a-z][a-z0-9_]{1,20}(?:[:.]\d+)?", re.IGNORECASE)


class Refused(Exception):
    """An answer that the installer does not take. `phase` is P, C or M."""

    def __init__(self, phase, message):
        super().__init__(message)
        self.phase = phase
        self.message = message


def parse_error(message):
    return Refused("P", message)


# --- values -----------------------------------------------------------------------------------------------------------------------


def text(value, where):
    if not isinstance(value, str):
        raise parse_error(f"{where}: invalid type, expected a string")
    return value


def boolean(value, where):
    if not isinstance(value, bool):
        raise parse_error(f"{where}: invalid type, expected a boolean")
    return value


def whole(largest):
    """An unsigned integer of the installer; a float is none, whatever its value."""

    def read(value, where):
        if isinstance(value, bool) or not isinstance(value, int):
            raise parse_error(f"{where}: invalid type, expected an integer")
        if not 0 <= value <= largest:
            raise parse_error(f"{where}: invalid value, expected an integer from 0 to {largest}")
        return value

    return read


def number(value, where):
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise parse_error(f"{where}: invalid type, expected a number")
    return value


def texts(value, where):
    if not isinstance(value, list):
        raise parse_error(f"{where}: invalid type, expected a sequence")
    return [text(item, where) for item in value]


def text_map(value, where):
    if not isinstance(value, dict):
        raise parse_error(f"{where}: invalid type, expected a map")
    return {key: text(item, f"{where}.{key}") for key, item in value.items()}


def one_of(words, fold_case=False):
    def read(value, where):
        word = text(value, where)
        known = word in words or (fold_case and word == word.upper() and word.lower() in words)
        if not known:
            raise parse_error(f"{where}: unknown variant `{word}`, expected one of {', '.join(sorted(words))}")
        return word.lower() if fold_case else word

    return read


def ip(word):
    """Python takes a zone behind an IPv6 address as well; the installer does not."""
    if "%" in word:
        raise ValueError("a zone")
    return ipaddress.ip_address(word)


def address(value, where):
    try:
        return str(ip(text(value, where)))
    except ValueError:
        raise parse_error(f"{where}: invalid IP address syntax") from None


def is_fqdn(name):
    labels = name.split(".")
    return (
        len(labels) >= 2
        and len(name) <= 253
        and all(re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?", label) for label in labels)
        and not labels[0].isdigit()
    )


def fqdn(value, where, tables=True):
    """`tables`: whether the name may come from DHCP, from 8.4.3 on."""
    wrong = parse_error(
        f"{where}: either a fully-qualified domain name or extendend configuration for usage with DHCP must be specified"
        if tables
        else f"{where}: invalid FQDN"
    )
    if isinstance(value, str):
        if not is_fqdn(value):
            raise wrong
        return value
    if not tables:
        raise wrong
    if not isinstance(value, dict) or set(value) - {"source", "domain"}:
        raise wrong
    if value.get("source", "from-dhcp") != "from-dhcp" or not isinstance(value.get("domain"), (str, type(None))):
        raise wrong
    if twice(value):
        raise wrong
    # An empty domain means unset from 9.0.5 on; the daemon never writes one, so all releases are read alike.
    return {"source": "from-dhcp", "domain": value.get("domain") or None}


def cidr(old):
    def read(value, where):
        host, slash, prefix = text(value, where).partition("/")
        if not slash and old:
            raise parse_error(f"{where}: invalid CIDR, no mask")
        try:
            found = ip(host)
        except ValueError:
            raise parse_error(f"{where}: invalid CIDR") from None
        if not slash:
            # 9.2 takes an address without a prefix for a host route.
            return f"{found}/{found.max_prefixlen}"
        # A number and nothing else: no netmask. Zeros and a plus before it are of the number.
        if not PREFIX.fullmatch(prefix) or int(prefix) > found.max_prefixlen:
            raise parse_error(f"{where}: invalid CIDR, bad mask")
        return f"{found}/{int(prefix)}"

    return read


# --- tables -----------------------------------------------------------------------------------------------------------------------


def twice(value):
    """The keys that a JSON object holds twice; TOML has none."""
    return value.twice if isinstance(value, Pairs) else ()


def table(value, where, keys, required=(), spelling="both", null=()):
    """Reads a table whose keys are fixed; they are given with hyphens.

    `null`: the keys that may be null in JSON, which is the same as not there. `spelling`: `both` takes hyphens, and underscores as an alias
    (giving both is a duplicate); `old` takes underscores only; `hyphens` takes nothing else.
    """
    if not isinstance(value, dict):
        raise parse_error(f"{where}: invalid type, expected a table")
    found, seen = {}, set()
    for raw, item in value.items():
        key = raw if spelling == "hyphens" else raw.replace("_", "-")
        # Names without either are the same in all spellings; half of one and half of the other is none.
        underscored = "-" not in raw and key not in NEVER_UNDERSCORED
        if key not in keys or not (underscored if spelling == "old" else raw == key or underscored):
            raise parse_error(f"{where}: unknown field `{raw}`")
        if key in seen or raw in twice(value):
            raise parse_error(f"{where}: duplicate field `{key}`")
        seen.add(key)
        if item is not None or key not in null:
            found[key] = keys[key](item, f"{where}.{key}")
    for key in required:
        if key not in found:
            raise parse_error(f"{where}: missing field `{key}`")
    return found


# Came after the underscores had gone, and has no alias.
NEVER_UNDERSCORED = {"interface-name-pinning"}


class Dialect:
    """What differs between the releases, by the installer package that their newest images carry (8.2.6, 8.3.3, 8.4.6, 9.0.7, 9.1.1, 9.2.5)."""

    # The Proxmox VE release that came out with the same installer, within weeks.
    SAME_INSTALLER = {
        "pve": {(8, 2): (8, 2), (8, 3): (8, 3), (8, 4): (8, 4), (9, 0): (9, 0), (9, 1): (9, 1), (9, 2): (9, 2)},
        "pbs": {(3, 4): (8, 4), (4, 0): (9, 0), (4, 1): (9, 1), (4, 2): (9, 2)},
        "pmg": {(9, 0): (9, 0), (9, 1): (9, 2)},
        "pdm": {(1, 0): (9, 1), (1, 1): (9, 2)},
    }

    def __init__(self, release, product="pve"):
        parts = self.SAME_INSTALLER[product].get(tuple(int(part) for part in release.split("."))[:2])
        if parts is None:
            raise SystemExit(f"the stand-in does not know {product} {release}")
        self.release = parts
        # In which phase 9.2 finds what the others found while parsing.
        self.setup_phase = "C" if parts >= (9, 2) else "P"
        # Hyphens came with 8.4; [first-boot], which is younger than the underscores, has always had them.
        self.spelling = "both" if parts >= (8, 4) else "old"
        self.first_boot_spelling = "both" if parts >= (8, 4) else "hyphens"
        # TOML has 63 bits and a sign; since the types are shared with other programs, these are of 32.
        self.largest_whole = 2**32 - 1 if parts >= (9, 2) else 2**63 - 1

    def since(self, major, minor):
        return self.release >= (major, minor)


def read_pinning(value, where):
    return table(value, where, {"enabled": boolean, "mapping": text_map}, ["enabled"], "hyphens")


def read_network(value, dialect):
    keys = {
        "source": one_of({"from-dhcp", "from-answer"}),
        "cidr": cidr(old=not dialect.since(9, 2)),
        "dns": address,
        "gateway": address,
        "filter": text_map,
    }
    if dialect.since(9, 1):
        keys["interface-name-pinning"] = read_pinning
    required = ["source"] if dialect.since(9, 2) else []
    network = table(value, "network", keys, required, dialect.spelling, null=["interface-name-pinning"])
    network.setdefault("source", "from-dhcp")
    if (9, 0) <= dialect.release <= (9, 1) and network.get("filter") == {}:
        # These two take an empty filter for none; before and after, that it stands there is what counts.
        del network["filter"]
    fixed = [key for key in ("cidr", "dns", "gateway", "filter") if key in network]
    if network["source"] == "from-dhcp":
        if fixed:
            raise parse_error(f"network: `{fixed[0]}` cannot be set together with source from-dhcp")
    else:
        for key in ("cidr", "dns", "gateway") if dialect.since(9, 2) else ("cidr", "dns", "gateway", "filter"):
            if key not in network:
                raise parse_error(f"network: missing field `{key}`")
    if not dialect.since(9, 2):
        check_pinning(network, dialect)
    return network


def read_disk_setup(value, dialect):
    size = {"hdsize": number}
    upper = dialect.since(8, 3)
    integer = whole(dialect.largest_whole)
    zfs = {
        "raid": one_of(RAID_ZFS, fold_case=upper),
        "ashift": integer,
        "arc-max": integer,
        "checksum": one_of({"on", "fletcher4", "sha256"}),
        "compress": one_of({"on", "off", "lzjb", "lz4", "zle", "gzip", "zstd"}),
        "copies": integer,
        **size,
    }
    lvm = {"swapsize": number, "maxroot": number, "maxvz": number, "minfree": number, **size}
    btrfs = {"raid": one_of(RAID_BTRFS, fold_case=upper), **size}
    if dialect.since(8, 3):
        btrfs["compress"] = one_of({"on", "off", "zlib", "lzo", "zstd"})

    def options(known):
        return lambda item, where: table(item, where, known, spelling=dialect.spelling, null=known)

    keys = {
        "filesystem": one_of({"ext4", "xfs", "zfs", "btrfs"}),
        "disk-list": texts,
        "filter": text_map,
        "filter-match": one_of({"any", "all"}),
        "zfs": options(zfs),
        "lvm": options(lvm),
        "btrfs": options(btrfs),
    }
    return table(value, "disk-setup", keys, ["filesystem"], dialect.spelling, null=["filter-match", "zfs", "lvm", "btrfs"])


def global_reader(dialect):
    keys = {
        "keyboard": one_of(KEYBOARDS),
        "country": text,
        "fqdn": lambda item, where: fqdn(item, where, tables=dialect.since(8, 4)),
        "mailto": text,
        "timezone": text,
        "root-password": text,
        "root-ssh-keys": texts,
        "reboot-on-error": boolean,
    }
    required = ["keyboard", "country", "fqdn", "mailto", "timezone"]
    if dialect.since(8, 3):
        keys["root-password-hashed"] = text
    else:
        required.append("root-password")
    if dialect.since(8, 4):
        keys["reboot-mode"] = one_of({"reboot", "power-off"})
    if dialect.since(9, 2):
        keys["subscription-key"] = text
    null = ["root-password", "root-password-hashed", "subscription-key"]
    return lambda item: table(item, "global", keys, required, dialect.spelling, null)


def read_answer(document, dialect):
    """Phase P: types, names and the rules of single values."""
    readers = {
        "global": global_reader(dialect),
        "network": lambda item: read_network(item, dialect),
        "disk-setup": lambda item: read_disk_setup(item, dialect),
    }
    if dialect.since(8, 3):
        webhook_keys = {"url": text, "cert-fingerprint": text}
        if dialect.since(9, 2):
            webhook_keys["auth-token"] = text
        readers["post-installation-webhook"] = lambda item: table(
            item, "post-installation-webhook", webhook_keys, ["url"], dialect.spelling, ["cert-fingerprint", "auth-token"]
        )
        first_boot_keys = {
            "source": one_of({"from-url", "from-iso"}),
            "ordering": one_of({"before-network", "network-online", "fully-up"}),
            "url": text,
            "cert-fingerprint": text,
        }
        readers["first-boot"] = lambda item: table(
            item, "first-boot", first_boot_keys, ["source"], dialect.first_boot_spelling, ["url", "cert-fingerprint"]
        )
    answer = {}
    for raw, item in document.items():
        # Section names are kebab-case always: an underscore is no alias here.
        if raw not in readers:
            raise parse_error(f"unknown field `{raw}`")
        if raw in twice(document):
            raise parse_error(f"duplicate field `{raw}`")
        if item is not None or raw not in ("post-installation-webhook", "first-boot"):
            answer[raw] = readers[raw](item)
    for key in ("global", "network", "disk-setup"):
        if key not in answer:
            raise parse_error(f"missing field `{key}`")
    if not dialect.since(9, 2):
        # Up to 9.1 the disk section's mistakes are found while parsing.
        check_disks(answer["disk-setup"], dialect)
    return answer


# --- phase C ----------------------------------------------------------------------------------------------------------------------


@functools.lru_cache
def second_column(path, column):
    with open(path, encoding="utf-8") as lines:
        return {line.rstrip("\n").split("\t")[column] for line in lines if not line.startswith("#") and "\t" in line}


def check_global(settings, dialect):
    country = settings["country"]
    if country != country.lower() or country.upper() not in second_column(COUNTRIES, 0):
        raise Refused("C", f"country code '{country}' is not valid")
    zone = settings["timezone"]
    if zone != "UTC" and zone not in second_column(ZONES, 2):
        raise Refused("C", f"timezone '{zone}' is not valid")
    mail = settings["mailto"]
    # 8.2 does not look at it.
    if dialect.since(8, 3) and not MAIL.fullmatch(mail):
        raise Refused("C", f"email '{mail}' is not valid")
    if dialect.since(8, 3) and mail == "mail@example.invalid":
        raise Refused("C", f"email '{mail}' is the default and must be changed")
    password, hashed = settings.get("root-password"), settings.get("root-password-hashed")
    if password is not None and hashed is not None:
        raise Refused("C", "`root-password` and `root-password-hashed` cannot be set at the same time")
    if password is None and hashed is None:
        raise Refused("C", "One of `root-password` or `root-password-hashed` must be set")
    if dialect.since(8, 4) and password is not None and len(password.encode()) < 8:
        raise Refused("C", "`root-password` must be at least 8 characters long")


def check_disks(setup, dialect):
    refused = lambda message: Refused(dialect.setup_phase, message)
    filesystem = setup["filesystem"]
    listed, chosen = "disk-list" in setup and len(setup["disk-list"]) > 0, "filter" in setup
    if dialect.since(9, 0) and setup.get("filter") == {}:
        chosen = False
    if listed and chosen:
        raise refused("Cannot use both, 'disk-list' and 'filter', in 'disk-setup'")
    if not listed and not chosen:
        raise refused("Need either 'disk-list' or 'filter' set in 'disk-setup'")
    own = OPTIONS_OF[filesystem]
    if any(other in setup for other in ("lvm", "zfs", "btrfs") if other != own):
        raise refused(f"make sure only '{own}' options are set")
    if filesystem in ("zfs", "btrfs") and "raid" not in setup.get(filesystem, {}):
        raise refused(f"{filesystem.upper()} raid level '{filesystem}.raid' must be set")
    disks = setup.get("disk-list", [])
    if own == "lvm" and len(disks) > 1:
        raise refused("make sure to define only one disk for ext4 and xfs")


def check_listed(setup):
    """From 9.0.5 on, in phase C: the same disk twice, too few for the level, too much swap."""
    filesystem, disks = setup["filesystem"], setup.get("disk-list", [])
    for disk in disks:
        if disks.count(disk) > 1:
            raise Refused("C", f"List of disks contains duplicate device {disk}")
    if filesystem in ("zfs", "btrfs") and disks:
        level = setup[filesystem]["raid"]
        if len(disks) < LEAST_DISKS[level]:
            raise Refused("C", f"{filesystem.upper()} ({level.upper()}): need at least {LEAST_DISKS[level]} disks")
    check_swap(setup, "C")


def check_swap(setup, phase):
    lvm = setup.get("lvm", {})
    # A nan is not below anything, and so refused.
    if "swapsize" in lvm and "hdsize" in lvm and not lvm["swapsize"] <= lvm["hdsize"] / 2:
        raise Refused(
            phase,
            f"Swap size {lvm['swapsize']} GiB cannot be greater than {lvm['hdsize'] / 2} GiB (hard disk size / 2)",
        )


def check_pinning(network, dialect):
    """Only names are looked at. What is no MAC is one that no interface has; disabled, the mapping is dropped."""
    pinning = network.get("interface-name-pinning", {})
    if not pinning.get("enabled"):
        return
    refused = lambda message: Refused(dialect.setup_phase, message)
    pattern = PIN_NAME if dialect.since(9, 2) else PIN_NAME_OF_9_1
    owners = {}
    for mac, name in pinning.get("mapping", {}).items():
        if not 2 <= len(name.encode()) <= 15 or not pattern.fullmatch(name):
            raise refused(f"interface name '{name}' for '{mac}' is not valid")
        # 9.2 folds the case of MACs first.
        owner = mac.lower() if dialect.since(9, 2) else mac
        if owners.setdefault(name, owner) != owner:
            raise refused(f"duplicate interface name mapping '{name}'")


def check_answer(answer, dialect):
    """Phase C: everything that needs no machine."""
    if dialect.since(9, 2):
        check_disks(answer["disk-setup"], dialect)
        check_pinning(answer["network"], dialect)
    if dialect.since(9, 0):
        check_listed(answer["disk-setup"])
    check_global(answer["global"], dialect)
    if dialect.since(8, 4) and lacks_first_boot_url(answer):
        raise Refused("C", "first-boot executable source set to URL, but none specified!")


def lacks_first_boot_url(answer):
    first_boot = answer.get("first-boot")
    return first_boot is not None and first_boot["source"] == "from-url" and "url" not in first_boot


# --- phase M ----------------------------------------------------------------------------------------------------------------------


def refuse_bad_glob(pattern):
    if re.search(r"[^/]\*\*|\*\*[^/]", pattern):
        raise Refused("M", f"invalid glob '{pattern}'")


def first_match(things, filters):
    """The first thing, in name order, for which any one filter matches: several keys are or, never and."""
    for pattern in filters.values():
        refuse_bad_glob(pattern)
    for name in sorted(things):
        properties = things[name]
        if any(key in properties and fnmatch.fnmatchcase(properties[key], glob) for key, glob in filters.items()):
            return name
    raise Refused("M", "filter did not match any device")


def choose_disk(setup, disks):
    """The one disk of an ext4 or xfs installation. `disks`: path -> udev properties; `size` in bytes under SIZE_BYTES."""
    if not setup.get("disk-list"):
        return first_match(disks, setup["filter"])
    path = by_end(setup["disk-list"][0], disks)
    if path is None:
        raise Refused("M", "disk in 'disk-selection' not found")
    return path


def by_end(wanted, disks):
    return next((path for path in sorted(disks) if path.endswith(wanted)), None)


def choose_disks(setup, disks):
    """The disks of a zfs or btrfs installation, in name order. Listed ones that are not there are passed over without a word."""
    if not setup.get("disk-list"):
        chosen = matching(disks, setup["filter"], setup.get("filter-match", "any") == "all")
    else:
        chosen = sorted({by_end(wanted, disks) for wanted in setup["disk-list"]} - {None})
        if not chosen:
            raise Refused("M", "No disks found matching selection.")
    filesystem = setup["filesystem"]
    level = setup[filesystem]["raid"]
    if len(chosen) < LEAST_DISKS[level]:
        raise Refused("M", f"{filesystem} ({level.upper()}): need at least {LEAST_DISKS[level]} devices")
    if filesystem == "zfs" and level == "raid10" and len(chosen) % 2:
        raise Refused("M", "zfs (RAID10): need an even number of devices")
    if filesystem == "zfs" and level != "raid0":
        check_sizes([int(disks[path]["SIZE_BYTES"]) for path in chosen], pairs=level == "raid10")
    return chosen


def matching(disks, filters, every):
    """`every`: no key that a disk has contradicts, so one that a disk lacks counts as matching; else one key matches."""
    for pattern in filters.values():
        refuse_bad_glob(pattern)

    def fits(properties):
        known = [fnmatch.fnmatchcase(properties[key], glob) for key, glob in filters.items() if key in properties]
        return all(known) if every else any(known)

    chosen = [path for path in sorted(disks) if fits(disks[path])]
    if not chosen:
        raise Refused("M", "filter did not match any devices")
    return chosen


def check_sizes(sizes, pairs):
    """Members of a ZFS mirror or RAIDZ are within 10 % of the first one's size, those of raid10 within their pair."""
    for index, size in enumerate(sizes):
        first = sizes[index - index % 2] if pairs else sizes[0]
        if abs(size - first) > first / 10:
            raise Refused("M", "Mirrored disks must have same size")


def choose_interface(network, interfaces):
    if "filter" not in network:
        raise Refused("M", "no filter defined")
    return first_match(interfaces, network["filter"])


def node_name(answer, lease):
    """The node's full name. `lease`: what dhclient got, with `host-name` and `domain-name`."""
    name = answer["global"]["fqdn"]
    if isinstance(name, str):
        return name
    if not lease.get("host-name"):
        raise Refused("M", "DHCP server did not provide a hostname")
    domain = name["domain"] or lease.get("domain-name")
    if not domain:
        raise Refused("M", "no domain received from DHCP server and `global.fqdn.domain` is unset!")
    full = f"{lease['host-name']}.{domain}"
    return full if is_fqdn(full) else "pve.example.invalid"


def used_gib(setup, disk_gib):
    """What is used of a disk: hdsize, where it is less. Zero is no limit."""
    hdsize = setup.get(OPTIONS_OF[setup["filesystem"]], {}).get("hdsize")
    return hdsize if hdsize and hdsize < disk_gib else disk_gib


def check_machine(answer, machine, product="pve"):
    """Phase M, as far as the stand-in has machines: disks, interfaces and the lease. The product decides by what its image says of itself."""
    if lacks_first_boot_url(answer):
        # Release 8.3 gets here: it looks when it wants to download, which is before anything else.
        raise Refused("M", "first-boot hook source set to URL, but none specified!")
    setup = answer["disk-setup"]
    if setup["filesystem"] == "btrfs" and product != "pve":
        raise Refused("M", "BTRFS is not supported as a root filesystem for the product or the release of this ISO.")
    check_swap(setup, "M")
    found = {"fqdn": node_name(answer, machine["lease"])}
    disks = machine["disks"]
    found["disks"] = [choose_disk(setup, disks)] if setup["filesystem"] in ("ext4", "xfs") else choose_disks(setup, disks)
    if used_gib(setup, int(disks[found["disks"][0]]["SIZE_BYTES"]) / 2**30) < 8:
        raise Refused("M", "the hard disk is smaller than 8 GiB: a question in automatic mode")
    if answer["network"]["source"] == "from-answer":
        found["interface"] = choose_interface(answer["network"], machine["interfaces"])
    return found


# --- front door -------------------------------------------------------------------------------------------------------------------


class Pairs(dict):
    """A JSON object. Where keys are fixed none may stand there twice; in a free map the last one counts."""

    def __init__(self, pairs):
        super().__init__(pairs)
        keys = [key for key, _ in pairs]
        self.twice = {key for key in keys if keys.count(key) > 1}


def json_constant(word):
    raise ValueError(f"{word} is not JSON")


def json_integer(word):
    """Minus zero, and what 64 bits do not hold, are floats."""
    value = int(word)
    return value if word != "-0" and -(2**63) <= value < 2**64 else json_float(word)


def json_float(word):
    value = float(word)
    if value in (float("inf"), float("-inf")):
        raise ValueError("number out of range")
    return value


def parse_json(body):
    document = json.loads(
        body,
        object_pairs_hook=Pairs,
        parse_constant=json_constant,
        parse_int=json_integer,
        parse_float=json_float,
    )
    for word in values(document):
        if isinstance(word, str):
            word.encode()  # half of a surrogate pair is no text
    return document


def toml_float(word):
    """Too large is refused. Too small is not: it becomes -inf."""
    value = float(word)
    if value == float("inf") and not word.endswith("inf"):
        raise ValueError("floating-point number too large")
    return value


def parse_toml(body):
    document = tomllib.loads(body.removeprefix("\ufeff"), parse_float=toml_float)
    for value in values(document):
        # Python has no limit for integers; TOML has 64 bits.
        if isinstance(value, int) and not -(2**63) <= value < 2**63:
            raise ValueError("number too large to fit in target type")
    return document


def values(value):
    """All that stands in a document, keys included."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from values(item)
    elif isinstance(value, list):
        for item in value:
            yield from values(item)
    else:
        yield value


def parse(body, is_json=False):
    try:
        document = parse_json(body) if is_json else parse_toml(body)
    except ValueError as error:
        raise parse_error(str(error)) from None
    if not isinstance(document, dict):
        raise parse_error("invalid type, expected a table")
    return document


def check(body, release, is_json=False, product="pve"):
    """The answer with kebab-case keys, or Refused."""
    dialect = Dialect(release, product)
    answer = read_answer(parse(body, is_json), dialect)
    check_answer(answer, dialect)
    return answer


def verdict(row):
    product = row.get("product", "pve")
    try:
        answer = check(row["answer"], row["release"], row.get("json", False), product)
        found = check_machine(answer, row["machine"], product) if "machine" in row else {}
    except Refused as refused:
        return {"ok": False, "phase": refused.phase, "message": refused.message}
    return {"ok": True, "answer": answer, **found}


def printable(value):
    """Python writes infinity and nan as JSON does not."""
    if isinstance(value, dict):
        return {key: printable(item) for key, item in value.items()}
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def main(arguments):
    if arguments == ["--rows"]:
        for line in sys.stdin:
            print(json.dumps(printable(verdict(json.loads(line)))))
        return 0
    release, path = arguments
    with open(path, encoding="utf-8") as file:
        result = verdict({"release": release, "answer": file.read()})
    print(json.dumps(printable(result)))
    return 0 if result["ok"] else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
