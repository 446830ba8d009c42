"""Damage inside of what a checksum or a length protects: unpack, damage, and pack again so that the shell is sound."""

from __future__ import annotations

import gzip
import io
import json
import random
import struct
import zipfile
import zlib

from minigrad.checksums import checksum, sealed
from tests.fuzz.mutations import damaged, damaged_json


def in_gzip(content: bytes, rng: random.Random) -> bytes:
    """Damage what is packed; or pack it in several members, or with something behind it."""
    inner = gzip.decompress(content)
    kind = rng.randrange(4)
    if kind == 0:
        cut = rng.randrange(len(inner) + 1)
        return gzip.compress(inner[:cut]) + gzip.compress(inner[cut:])
    if kind == 1:
        return content + rng.choice((b"\0" * 9, b"x", content, content[:10]))
    return gzip.compress(damaged(inner, rng), rng.choice((1, 9)))


def in_safetensors(content: bytes, rng: random.Random) -> bytes:
    """Damage the header of a safetensors file, or the tree in it, as JSON."""
    size = int.from_bytes(content[:8], "little")
    head, data = content[8 : 8 + size].decode(), content[8 + size :]
    parsed = json.loads(head)
    texts = parsed.get("__metadata__", {})
    if texts and rng.random() < 0.7:
        name = rng.choice(sorted(texts))
        try:
            texts[name] = damaged_json(texts[name], rng)
        except ValueError:  # a text that is no JSON
            texts[name] = damaged(texts[name].encode(), rng).decode("latin-1")
        head = json.dumps(parsed)
    else:
        head = damaged_json(head, rng)
    packed = head.encode()
    packed += b" " * (-len(packed) % 8)
    return len(packed).to_bytes(8, "little") + packed + data


def forged(content: bytes, rng: random.Random) -> bytes:
    """Damage the header or the tree of a checkpoint, and put its checksums right, as somebody does on purpose."""
    changed = in_safetensors(content, rng)
    start = 8 + int.from_bytes(changed[:8], "little")
    try:
        header = json.loads(changed[8:start])
        texts, data = header.pop("__metadata__", {}), changed[start:]
        ends = {name: entry["data_offsets"] for name, entry in header.items()}
        return sealed(header, {name: checksum(data[first:last]) for name, (first, last) in ends.items()}, texts) + data
    except (ValueError, KeyError, TypeError, AttributeError):  # no header to which checksums could be added
        return changed


def in_zip(content: bytes, rng: random.Random) -> bytes:
    """Damage one entry of an archive, or leave it out, and write the archive anew."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(made, "w") as new:
        names = old.namelist()
        chosen, kind = rng.choice(names), rng.randrange(8)
        for name in names:
            inner = old.read(name)
            if name == chosen and kind == 0:
                continue
            new.writestr(name, damaged(inner, rng) if name == chosen else inner)
    return made.getvalue()


def in_png(content: bytes, rng: random.Random) -> bytes:
    """Damage a chunk of a PNG, with its length and checksum put right; or double, drop or insert a chunk."""
    chunks, at = [], 8
    while at + 12 <= len(content):
        (size,) = struct.unpack(">I", content[at : at + 4])
        chunks.append((content[at + 4 : at + 8], content[at + 8 : at + 8 + size]))
        at += size + 12
    number, kind = rng.randrange(len(chunks)), rng.randrange(6)
    name, inner = chunks[number]
    if kind == 0:
        chunks.insert(number, (name, inner))
    elif kind == 1:
        del chunks[number]
    elif kind == 2:
        extra = rng.choice((b"PLTE", b"tRNS", b"eXIf", b"iCCP", b"acTL", b"fcTL", b"zTXt", b"gAMA"))
        chunks.insert(number, (extra, rng.randbytes(rng.choice((0, 3, 30)))))
    elif kind == 3 and name == b"IDAT":
        chunks[number] = name, zlib.compress(damaged(zlib.decompress(inner), rng))
    else:
        chunks[number] = name, damaged(inner, rng)
    packed = [struct.pack(">I", len(c)) + n + c + struct.pack(">I", zlib.crc32(n + c)) for n, c in chunks]
    return content[:8] + b"".join(packed)


def in_json_text(content: bytes, rng: random.Random) -> bytes:
    """Damage a JSON text."""
    return damaged_json(content.decode(), rng).encode()


def in_json_lines(content: bytes, rng: random.Random) -> bytes:
    """Damage one line as JSON."""
    lines = content.decode().splitlines()
    number = rng.randrange(len(lines))
    lines[number] = damaged_json(lines[number], rng)
    return "".join(f"{line}\n" for line in lines).encode()
