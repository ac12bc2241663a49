"""What differs between architectures. Each is a row."""

from __future__ import annotations

from dataclasses import dataclass

from problem import Problem


@dataclass(frozen=True)
class Architecture:
    name: str  # Debian's word
    kernel: str  # the package
    no_kernel_in: frozenset[str]  # suites that have none: there only the formats of a tree can be built
    root_type: str  # of the root partition: https://uapi-group.org/specifications/specs/discoverable_partitions_specification/
    bios: bool  # boots from a BIOS
    efi: tuple[str, str] | None  # format of grub-mkimage, and where a firmware looks for it in the EFI partition
    consoles: tuple[str, ...]  # the serial ones, of which a machine has one
    oci: str  # the word of the OCI image specification


_ALL = {
    row.name: row
    for row in (
        Architecture("amd64", "linux-image-cloud-amd64", frozenset(), "4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709", True,
                     ("x86_64-efi", "EFI/BOOT/BOOTX64.EFI"), ("ttyS0,115200",), "amd64"),
        # There is no cloud kernel, and since Debian 13 no kernel. Machines of i386 have a BIOS.
        Architecture("i386", "linux-image-686", frozenset({"trixie", "forky"}), "44479540-F297-41B2-9AF7-D131D5F0458A", True,
                     None, ("ttyS0,115200",), "386"),
        # A UART of ARM's (Azure, Google, QEMU), or one as in a PC (Amazon).
        Architecture("arm64", "linux-image-cloud-arm64", frozenset(), "B921B045-1DF0-41C3-AF44-4C6F280D3FAE", False,
                     ("arm64-efi", "EFI/BOOT/BOOTAA64.EFI"), ("ttyS0,115200", "ttyAMA0"), "arm64"),
    )
}  # fmt: skip


def architecture(name: str) -> Architecture:
    if name not in _ALL:
        raise Problem(f"unknown architecture {name}: there are {', '.join(_ALL)}")
    return _ALL[name]
