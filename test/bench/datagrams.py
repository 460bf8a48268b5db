"""Prints the DNS datagrams of this network namespace: microseconds, c (a client's) or u (upstream's), Q or R, QNAME.

usage: datagrams.py SECONDS - it prints "ready", listens for so long, and then prints a line for each datagram.
"""
import socket
import struct
import sys
import time

SO_TIMESTAMPNS = 35
IPV4 = 0x0800
UDP = 17
OUTGOING = 4
DNS = 53

sniffer = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
sniffer.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
sniffer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 24)
sniffer.settimeout(0.1)
print("ready", flush=True)

end = time.monotonic() + float(sys.argv[1])
frames = []
while time.monotonic() < end:
    try:
        frames.append(sniffer.recvmsg(2000, 256))
    except socket.timeout:
        pass

for data, ancillary, _, (interface, protocol, kind, *_) in frames:
    own = interface == "lo"
    # The loopback shows each one twice.
    if protocol != IPV4 or (own and kind == OUTGOING) or data[23] != UDP:
        continue
    udp = 14 + (data[14] & 15) * 4
    if DNS not in struct.unpack("!HH", data[udp:udp + 4]):
        continue
    message = data[udp + 8:]
    labels, at = [], 12
    while message[at]:
        labels.append(message[at + 1:at + 1 + message[at]].decode())
        at += 1 + message[at]
    seconds, nanoseconds = struct.unpack("qq", ancillary[0][2][:16])
    time_us = seconds * 1e6 + nanoseconds / 1e3
    way = "R" if message[2] & 0x80 else "Q"
    print(f"{time_us:.1f} {'c' if own else 'u'} {way} {'.'.join(labels).lower()}")
