"""Asks for an address by ARP, with an 802.1Q tag or without, and prints how the answer was tagged.

    arp.py INTERFACE TAG ADDRESS    TAG: 1 to 4094, or - for none

Prints `tag N`, `untagged` or `no answer`. The kernel of the host may know nothing of VLANs: tags are written and read here.
"""
import socket
import struct
import sys
import time

interface, tag, address = sys.argv[1:4]
TIMES, SECONDS_BETWEEN = 5, 1
ETH_P_ALL, ETH_P_8021Q, ETH_P_ARP = 0x0003, 0x8100, 0x0806
# linux/if_packet.h
SOL_PACKET, PACKET_AUXDATA, TP_STATUS_VLAN_VALID = 263, 8, 1 << 4
AUXDATA = struct.Struct("=IIIHHHH")

link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
link.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
link.bind((interface, 0))
mac = link.getsockname()[4]
wanted = socket.inet_aton(address)

# A probe in the sense of RFC 5227: the sender's address is all zero.
request = struct.pack("!HHBBH6s4s6s4s", 1, 0x0800, 6, 4, 1, mac, bytes(4), bytes(6), wanted)
header = b"\xff" * 6 + mac + (b"" if tag == "-" else struct.pack("!HH", ETH_P_8021Q, int(tag)))
frame = (header + struct.pack("!H", ETH_P_ARP) + request).ljust(60, b"\0")


def answer(until):
    while (left := until - time.monotonic()) > 0:
        link.settimeout(left)
        try:
            data, ancillary, _, _ = link.recvmsg(2048, socket.CMSG_SPACE(AUXDATA.size))
        except socket.timeout:
            return None
        found = "untagged"
        for level, kind, content in ancillary:
            if level == SOL_PACKET and kind == PACKET_AUXDATA:
                status, _, _, _, _, tci, _ = AUXDATA.unpack(content[: AUXDATA.size])
                if status & TP_STATUS_VLAN_VALID:
                    found = f"tag {tci & 0xFFF}"
        if data[12:14] == struct.pack("!H", ETH_P_8021Q):
            found = f"tag {struct.unpack('!H', data[14:16])[0] & 0xFFF}"
            data = data[:12] + data[16:]
        if data[:6] == mac and data[12:14] == struct.pack("!H", ETH_P_ARP) and data[20:22] == b"\0\2" and data[28:32] == wanted:
            return found
    return None


for _ in range(TIMES):
    link.send(frame)
    found = answer(time.monotonic() + SECONDS_BETWEEN)
    if found:
        break
print(found or "no answer")
