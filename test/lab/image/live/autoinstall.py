#!/usr/bin/python3
"""The automatic installer: answer, first-boot executable, check, installation, webhook; in this order and with the official ends.

Exit status: 0 reboot (or power off), 1 the shell. What to do at the end stands in /run/reboot-mode.
"""
import os
import sys
import time
import tomllib

import checker
import machine
import target
import webhook
import wire

MODE_FILE = "/cdrom/auto-installer-mode.toml"
STARTED = time.monotonic()


class Aborted(Exception):
    """Ends in the shell, or with reboot-on-error in a reboot after `wait` seconds."""

    def __init__(self, message, may_reboot=False, wait=0):
        super().__init__(message)
        self.may_reboot = may_reboot
        self.wait = wait


def say(message):
    print(f"[{time.monotonic() - STARTED:7.2f}] {message}", flush=True)


def read_mode():
    if not os.path.exists(MODE_FILE):
        raise Aborted("no auto-installer-mode.toml in the image: prepare it for automatic installation")
    with open(MODE_FILE, "rb") as file:
        mode = tomllib.load(file)
    unknown = set(mode) - {"mode", "partition_label", "http"}
    if unknown:
        raise Aborted(f"mode file: unknown field `{sorted(unknown)[0]}`")
    return mode


def fetch_answer(info, lease):
    """Text of the answer, and whether it is JSON."""
    mode = read_mode()
    if mode.get("mode") == "iso":
        with open("/cdrom/answer.toml", encoding="utf-8") as file:
            return file.read(), False
    if mode.get("mode") != "http":
        raise Aborted(f"mode file: unknown variant `{mode.get('mode')}`")
    http = mode.get("http", {})
    url = http.get("url") or lease.get("proxmox-auto-installer-manifest-url")
    # The key is spelled with an underscore here, always: with a hyphen it is ignored and nothing is pinned.
    pin = http.get("cert_fingerprint")
    if not http.get("url"):
        pin = pin or lease.get("proxmox-auto-installer-cert-fingerprint")
    if not url:
        raise Aborted("no URL in the mode file and none from DHCP")
    new = info["RELEASE"].startswith("9.2")
    say(f"fetching answer from {url}")
    body = machine.system_information(info)
    data, kind = wire.request(info["RELEASE"], "answer", url, body, pin, http.get("token") if new else None)
    return data.decode(), new and kind.startswith("application/json")


def first_boot_executable(info, answer):
    """The hook's bytes, downloaded before anything is checked or written; None without a section."""
    section = answer.get("first-boot")
    if section is None:
        return None
    if section["source"] == "from-iso":
        with open("/cdrom/proxmox-first-boot", "rb") as file:
            data = file.read()
        if len(data) > wire.FIRST_BOOT_LIMIT:
            raise wire.Failed("first-boot executable is larger than 1 MiB")
        return data
    if "url" not in section:
        raise wire.Failed("first-boot executable source set to URL, but none specified!")
    say(f"fetching first-boot executable from {section['url']}")
    data, _ = wire.request(info["RELEASE"], "first-boot", section["url"], pin=section.get("cert-fingerprint"))
    return data


def run():
    info = machine.read_cd_info()
    lease = machine.read_lease()
    say(f"automatic installation of {info['PRODUCTLONG']} {info['RELEASE']}-{info['ISORELEASE']}")
    dialect = checker.Dialect(info["RELEASE"])
    try:
        text, is_json = fetch_answer(info, lease)
    except wire.Failed as failed:
        raise Aborted(f"fetching the answer failed: {failed}") from failed
    say(f"answer received, {len(text)} characters")
    try:
        # A parse error and a failing download end in the shell even with reboot-on-error: the flag is set only after both.
        document = checker.parse(text, is_json)
        answer = checker.read_answer(document, dialect)
        hook = first_boot_executable(info, answer)
    except (checker.Refused, wire.Failed) as refused:
        raise Aborted(f"{refused}") from refused
    reboot = answer["global"].get("reboot-on-error", False)
    with open("/run/reboot-mode", "w", encoding="utf-8") as file:
        file.write(answer["global"].get("reboot-mode", "reboot"))
    try:
        checker.check_answer(answer, dialect)
        found = checker.check_machine(
            answer, {"lease": lease, "disks": machine.disks(), "interfaces": machine.interfaces()}
        )
        if answer["disk-setup"]["filesystem"] == "zfs":
            raise checker.Refused("M", "the stand-in has no ZFS")
        say("answer checked")
        network = machine.network_of(answer, lease, found)
        root = target.install(info, answer, found, network, hook, say)
    except Exception as error:
        raise Aborted(f"installation failed: {type(error).__name__}: {error}", may_reboot=reboot) from error
    section = answer.get("post-installation-webhook")
    if section is not None:
        say(f"sending the webhook to {section['url']}")
        try:
            body = webhook.document(info, answer, found, network, root)
            wire.request(info["RELEASE"], "webhook", section["url"], body, section.get("cert-fingerprint"))
        except wire.Failed as failed:
            target.close()
            raise Aborted(f"webhook failed: {failed}", may_reboot=reboot, wait=30) from failed
    target.close()
    say("Installation finished")


def main():
    try:
        run()
    except Aborted as aborted:
        say(f"ERROR: {aborted}")
        if not aborted.may_reboot:
            return 1
        time.sleep(aborted.wait)
    return 0


if __name__ == "__main__":
    sys.exit(main())
