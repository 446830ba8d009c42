"""Faults: damage of the newest checkpoint while the run does not run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.chaos.scene import Scene
from tests.chaos.signals import stop


def torn(scene: Scene) -> None:
    """From a sector on, the newest checkpoint holds zeros, as after a power cut."""
    share = scene.random.random()

    def damage(content: bytearray) -> bytes:
        start = int(share * len(content)) // 512 * 512
        return bytes(content[:start]) + bytes(len(content) - start)

    _damage(scene, damage, f"at {share:.0%}")


def truncated(scene: Scene) -> None:
    """The newest checkpoint is cut short."""
    share = scene.random.choice([0.0, 0.0001, scene.random.random(), 0.99999])
    _damage(scene, lambda content: bytes(content[: int(share * len(content))]), f"to {share:.2%}")


def one_bit(scene: Scene) -> None:
    """One bit of the newest checkpoint is flipped, often in its header."""
    share, bit = scene.random.choice([scene.random.random(), scene.random.random() / 20]), scene.random.randrange(8)

    def damage(content: bytearray) -> bytes:
        content[int(share * len(content))] ^= 1 << bit
        return bytes(content)

    _damage(scene, damage, f"bit {bit} at {share:.3%}")


def deleted(scene: Scene) -> None:
    """The newest checkpoint is deleted."""
    stop(scene)
    scene.between.append(lambda: (scene.run / "checkpoint.safetensors").unlink(missing_ok=True))
    scene.loses_all = True


def _damage(scene: Scene, damage: Callable[[bytearray], bytes], told: str) -> None:
    stop(scene)
    scene.tell(told)
    scene.between.append(lambda: _rewrite(scene.run / "checkpoint.safetensors", damage))
    scene.loses_all = True


def _rewrite(path: Path, damage: Callable[[bytearray], bytes]) -> None:
    if path.is_file():
        content = damage(bytearray(path.read_bytes()))
        path.unlink()  # another name of the file stays whole
        path.write_bytes(content)
