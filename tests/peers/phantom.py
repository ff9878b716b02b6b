#!/usr/bin/python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Phantom a second time, written from the Noise specification and the protocol's description alone.

It shares no line with the product: AES-GCM and X25519 are those of python3-cryptography, everything
else is spelled out here. NK1 and XK1, both sides.

    phantom.py client HOST PORT SERVER_KEY [--secret HEX] [--count N] [--size N] [--name NAME]
    phantom.py server PORT SECRET [--name NAME] [--count N]

The client sends N messages to the echo service and compares each reply. The server echoes until N
messages came, then ends. Prints one line; exit status 0 when all was right.
"""
import argparse
import hashlib
import hmac
import os
import socket
import struct
import sys
import time

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

NK1, XK1 = 0x01, 0x02
CLIENT_HELLO, SERVER_HELLO, CLIENT_FINISH = 0xA0, 0xA1, 0xA2
RETRY, DATA, HEARTBEAT, CONTROL, CLOSE = 0xAC, 0xB0, 0xB1, 0xB2, 0xBF
ECHO, REQUEST, REPLY = 1, 0, 1
# What each message of the handshake does; the rest of a pattern is what is known before it.
PATTERNS = {
    NK1: ("Noise_NK1_25519_AESGCM_SHA256", [["e"], ["e", "ee", "es"]]),
    XK1: ("Noise_XK1_25519_AESGCM_SHA256", [["e"], ["e", "ee", "es"], ["s", "se"]]),
}


class Broken(Exception):
    """The other side did what the protocol does not allow."""


def mac(key, data):
    return hmac.new(key, data, hashlib.sha256).digest()


def hkdf(chaining_key, data, outputs):
    """HKDF of the Noise specification, section 4.3."""
    temp, out, last = mac(chaining_key, data), [], b""
    for i in range(outputs):
        last = mac(temp, last + bytes([i + 1]))
        out.append(last)
    return out


def public_of(secret):
    key = X25519PrivateKey.from_private_bytes(secret).public_key()
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)


def dh(secret, public):
    own = X25519PrivateKey.from_private_bytes(secret)
    return own.exchange(X25519PublicKey.from_public_bytes(public))


class Noise:
    """HandshakeState and SymmetricState in one (sections 5.2 and 5.3)."""

    def __init__(self, suite, initiator, prologue, static=None, remote_static=None, ephemeral=None):
        name, self.messages = PATTERNS[suite]
        self.h = hashlib.sha256(name.encode()).digest() if len(name) > 32 else \
            name.encode().ljust(32, b"\0")
        self.ck, self.k, self.n = self.h, None, 0
        self.initiator, self.s, self.rs = initiator, static, remote_static
        self.e = ephemeral or os.urandom(32)
        self.re = None
        self.at = 0
        self.mix_hash(prologue)
        # <- s: both patterns know the responder's key from the start.
        self.mix_hash(remote_static if initiator else public_of(static))

    def mix_hash(self, data):
        self.h = hashlib.sha256(self.h + data).digest()

    def mix_key(self, data):
        self.ck, self.k = hkdf(self.ck, data, 2)
        self.n = 0

    def nonce(self):
        self.n += 1
        return bytes(4) + struct.pack(">Q", self.n - 1)

    def seal(self, plain):
        out = plain if self.k is None else AESGCM(self.k).encrypt(self.nonce(), plain, self.h)
        self.mix_hash(out)
        return out

    def open(self, data):
        try:
            out = data if self.k is None else AESGCM(self.k).decrypt(self.nonce(), data, self.h)
        except InvalidTag:
            raise Broken("a handshake message does not authenticate") from None
        self.mix_hash(data)
        return out

    def agree(self, token):
        """ee, es, se: the first letter is the initiator's key, the second the responder's."""
        mine, theirs = token if self.initiator else token[::-1]
        self.mix_key(dh(self.e if mine == "e" else self.s, self.re if theirs == "e" else self.rs))

    def write(self, payload):
        out = b""
        for token in self.messages[self.at]:
            if token == "e":
                out += public_of(self.e)
                self.mix_hash(public_of(self.e))
            elif token == "s":
                out += self.seal(public_of(self.s))
            else:
                self.agree(token)
        self.at += 1
        return out + self.seal(payload)

    def read(self, data):
        for token in self.messages[self.at]:
            if token == "e":
                self.re, data = data[:32], data[32:]
                self.mix_hash(self.re)
            elif token == "s":
                size = 32 if self.k is None else 48
                self.rs, data = self.open(data[:size]), data[size:]
            else:
                self.agree(token)
        self.at += 1
        return self.open(data)


class Direction:
    """Keys of one direction: a seed for each block of 256 operations, two keys an operation."""

    def __init__(self, number, t, h):
        self.number = bytes([number])
        self.seed = self.expand(t, b"PHS1 seed" + self.number + h)
        self.iv = self.expand(t, b"PHS1 iv" + self.number + h)[:12]
        self.block, self.n = 0, 0

    @staticmethod
    def expand(key, info):
        return mac(key, info + b"\x01")

    def keys(self, kind):
        """For the next operation; then it is over."""
        while self.n >> 8 > self.block:
            self.block += 1
            self.seed = self.expand(
                self.seed, b"PHS1 next" + self.number + struct.pack(">Q", self.block))
        of = bytes([kind]) + struct.pack(">Q", self.n)
        nonce = bytes(a ^ b for a, b in zip(self.iv, bytes(4) + struct.pack(">Q", self.n)))
        self.n += 1
        return (self.expand(self.seed, b"PHS1 enc" + of), self.expand(self.seed, b"PHS1 mac" + of),
                nonce)

    def seal(self, kind, plain, priority=0):
        n = self.n
        enc, sign, nonce = self.keys(kind)
        padded = plain + b"\x80"
        padded += bytes(-len(padded) % 16)
        head = struct.pack(">BBHIQ", kind, priority, len(padded), 0, n)
        sealed = AESGCM(enc).encrypt(nonce, padded, head)
        return head + sealed + mac(sign, head + sealed[-16:])

    def open(self, record):
        head, sealed, sig = record[:16], record[16:-32], record[-32:]
        kind, _, _, zero, n = struct.unpack(">BBHIQ", head)
        if n != self.n or zero:
            raise Broken(f"operation {n} came, {self.n} was due")
        enc, sign, nonce = self.keys(kind)
        if not hmac.compare_digest(mac(sign, head + sealed[-16:]), sig):
            raise Broken(f"the signature of operation {n} is wrong")
        plain = AESGCM(enc).decrypt(nonce, sealed, head)
        text = plain.rstrip(b"\0")
        if text[-1:] != b"\x80":
            raise Broken(f"the padding of operation {n} is wrong")
        return kind, text[:-1]


class Link:
    """One connection: frames during the handshake, then records."""

    def __init__(self, sock):
        self.sock, self.send, self.receive = sock, None, None

    def take(self, size):
        out = b""
        while len(out) < size:
            more = self.sock.recv(size - len(out))
            if not more:
                raise Broken("the connection was closed")
            out += more
        return out

    def frame(self, kind, suite, body):
        self.sock.sendall(struct.pack(">BBH", kind, suite, len(body)) + body)

    def take_frame(self):
        kind, suite, size = struct.unpack(">BBH", self.take(4))
        if size > 2048:
            raise Broken(f"a frame of {size} bytes")
        return kind, suite, self.take(size)

    def split(self, noise, initiator):
        ways = [Direction(i, t, noise.h) for i, t in enumerate(hkdf(noise.ck, b"", 3)[:2])]
        self.send, self.receive = ways if initiator else ways[::-1]

    def put(self, kind, plain, priority=0):
        self.sock.sendall(self.send.seal(kind, plain, priority))

    def get(self):
        """The next record that says something."""
        while True:
            head = self.take(16)
            kind, plain = self.receive.open(
                head + self.take(struct.unpack(">H", head[2:4])[0] + 48))
            if kind not in (HEARTBEAT, CONTROL):
                return kind, plain


def prologue(suite, name, extensions=b"", retry=bytes(32)):
    name = name.encode()
    return b"PHANTOM/1" + bytes([suite, len(name)]) + name + extensions + retry


def solve(challenge, bits, public):
    solution = 0
    while True:
        digest = hashlib.sha256(challenge + public + struct.pack(">Q", solution)).digest()
        if int.from_bytes(digest, "big") >> (256 - bits) == 0:
            return struct.pack(">Q", solution)
        solution += 1


def extension(kind, value):
    return bytes([kind]) + struct.pack(">H", len(value)) + value


def connect(sock, name, server_key, secret, say_key):
    suite, link = XK1 if secret else NK1, Link(sock)
    # Which of the server's keys is pinned: it may have an old one besides.
    about = extension(2, hashlib.sha256(server_key).digest()[:8]) if say_key else b""
    extensions, retry, ephemeral = about, bytes(32), os.urandom(32)
    while True:
        noise = Noise(suite, True, prologue(suite, name, extensions, retry), secret, server_key,
                      ephemeral)
        link.frame(CLIENT_HELLO, suite, noise.write(os.urandom(16)) + extensions)
        kind, got_suite, body = link.take_frame()
        if kind != RETRY or extensions != about:
            break
        retry = hashlib.sha256(struct.pack(">BBH", kind, got_suite, len(body)) + body).digest()
        ephemeral = os.urandom(32)
        extensions = about + extension(3, solve(body[1:], body[0], public_of(ephemeral)))
    if (kind, got_suite) != (SERVER_HELLO, suite):
        raise Broken(f"frame {kind:#x} of suite {got_suite:#x}")
    if len(noise.read(body)) != 16:
        raise Broken("the server's nonce is not of 16 bytes")
    if suite == XK1:
        link.frame(CLIENT_FINISH, suite, noise.write(bytes(16)))
    link.split(noise, True)
    if suite == NK1:
        link.put(CLIENT_FINISH, b"")
    return link


def accept(sock, name, secret):
    link = Link(sock)
    kind, suite, body = link.take_frame()
    if kind != CLIENT_HELLO or suite not in PATTERNS:
        raise Broken(f"frame {kind:#x} of suite {suite:#x}")
    noise = Noise(suite, False, prologue(suite, name, body[48:]), secret)
    noise.read(body[:48])
    link.frame(SERVER_HELLO, suite, noise.write(os.urandom(16)))
    if suite == XK1:
        kind, _, body = link.take_frame()
        if kind != CLIENT_FINISH or len(noise.read(body)) != 16:
            raise Broken("the client's finish is wrong")
    link.split(noise, False)
    if suite == NK1 and link.get() != (CLIENT_FINISH, b""):
        raise Broken("the client's finish is wrong")
    return link


def message(service, opcode, request, payload, content=0):
    return struct.pack(">BBBBI", service, opcode, content, 0, request) + payload


def run_client(args):
    secret = bytes.fromhex(args.secret) if args.secret else None
    with socket.create_connection((args.host, args.port), timeout=20) as sock:
        link = connect(sock, args.name, bytes.fromhex(args.server_key), secret, args.say_key)
        for i in range(args.count + bool(args.hold)):
            payload = os.urandom(args.size if args.size >= 0 else i * 7 % 4000)
            if i == args.count:
                time.sleep(args.hold)
            link.put(DATA, message(ECHO, REQUEST, i + 1, payload), 2)
            kind, plain = link.get()
            if (kind, plain) != (DATA, message(ECHO, REPLY, i + 1, payload)):
                raise Broken(f"message {i + 1} came back as something else ({kind:#x})")
        link.put(CLOSE, b"")
    print(f"{args.count} messages came back, {'XK1' if secret else 'NK1'}")


def run_server(args):
    done = 0
    with socket.create_server(("127.0.0.1", args.port)) as listener:
        print(f"port {listener.getsockname()[1]}", flush=True)
        listener.settimeout(20)
        while done < args.count:
            sock, _ = listener.accept()
            with sock:
                sock.settimeout(20)
                link = accept(sock, args.name, bytes.fromhex(args.secret))
                while True:
                    kind, plain = link.get()
                    if kind == CLOSE:
                        break
                    service, opcode, content, _, request = struct.unpack(">BBBBI", plain[:8])
                    if (service, opcode) != (ECHO, REQUEST):
                        raise Broken("that is no message for the echo service")
                    link.put(DATA, message(ECHO, REPLY, request, plain[8:], content))
                    done += 1
    print(f"{done} messages were echoed")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    sub = parser.add_subparsers(dest="what", required=True)
    client = sub.add_parser("client")
    client.add_argument("host")
    client.add_argument("port", type=int)
    client.add_argument("server_key")
    client.add_argument("--secret")
    client.add_argument("--say-key", action="store_true")
    client.add_argument("--size", type=int, default=-1)
    client.add_argument("--hold", type=float, default=0, help="stay so many seconds, then once more")
    server = sub.add_parser("server")
    server.add_argument("port", type=int)
    server.add_argument("secret")
    for one in client, server:
        one.add_argument("--count", type=int, default=1000)
        one.add_argument("--name", default="strazh")
    args = parser.parse_args()
    try:
        (run_client if args.what == "client" else run_server)(args)
    except (Broken, OSError) as e:
        sys.exit(f"phantom.py: {e}")


if __name__ == "__main__":
    main()
