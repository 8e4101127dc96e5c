"""The certificate: what was asked, found and removed, signed, and read by whoever doubts it."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ..model import canonical
from ..model.errors import ConfigError, JournalError

VERSION = 1
ALGORITHM = "Ed25519"
RESIDUAL = (
    "backups of the warehouse, its own log, the log of its server, and space not yet overwritten",
    "copies that other engines or people have made of the table",
    "files that were loaded from, and the results of queries",
    "the memory of processes that query, and what the engine swaps of it to disk",
    "rows that came after the last search",
    "control as it was before a rebuild, which lies beside the config until somebody removes it",
    "archived objects after they were searched: they were restored, searched and sent back",
)
"""What no certificate of this lake can speak of."""


class Key:
    """The private key that certificates are signed with, and what is derived from it."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private

    @classmethod
    def read(cls, file: Path) -> Key:
        """Read the key of a lake.

        Raises:
            ConfigError: it is not there, or is none.

        """
        try:
            found = serialization.load_pem_private_key(file.read_bytes(), password=None)
        except FileNotFoundError:
            raise ConfigError(
                f"{file}: there is no key to sign certificates with",
                hint="Put it back from where it is kept. For a lake that has certified nothing "
                "yet, make one: isotherm erase --new-key",
            ) from None
        except (TypeError, ValueError, OSError) as error:
            raise ConfigError(f"{file}: it is no key to sign with: {error}") from error
        if not isinstance(found, Ed25519PrivateKey):
            raise ConfigError(f"{file}: it is no key of {ALGORITHM}")
        return cls(found)

    @classmethod
    def make(cls, file: Path) -> Key:
        """Make a key where there is none, which only its owner may read.

        Raises:
            ConfigError: there is one.

        """
        private = Ed25519PrivateKey.generate()
        try:
            handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            raise ConfigError(
                f"{file}: there is a key already, with which certificates were signed"
            ) from None
        with os.fdopen(handle, "wb") as target:
            target.write(
                private.private_bytes(
                    serialization.Encoding.PEM,
                    serialization.PrivateFormat.PKCS8,
                    serialization.NoEncryption(),
                )
            )
        return cls(private)

    @property
    def of_hashes(self) -> bytes:
        """The key of what stands for people: nobody else can try values against it."""
        seed = self._private.private_bytes_raw()
        derive = HKDF(hashes.SHA256(), 32, salt=None, info=b"isotherm data subjects")
        return derive.derive(seed)

    @property
    def public(self) -> str:
        """The public key, as a certificate names it."""
        return base64.b64encode(self._private.public_key().public_bytes_raw()).decode()

    def sign(self, said: Mapping[str, Any]) -> dict[str, Any]:
        """Return what is said with its signature."""
        signature = {
            "algorithm": ALGORITHM,
            "public_key": self.public,
            "value": base64.b64encode(self._private.sign(canonical.canonical(said))).decode(),
        }
        return {**said, "signature": signature}


def verify(certificate: Mapping[str, Any]) -> str:
    """Check a certificate's signature, and return the public key that it was made with.

    Raises:
        JournalError: it does not hold.

    """
    said = {name: value for name, value in certificate.items() if name != "signature"}
    try:
        signature = certificate["signature"]
        public = base64.b64decode(signature["public_key"])
        key = Ed25519PublicKey.from_public_bytes(public)
        key.verify(base64.b64decode(signature["value"]), canonical.canonical(said))
    except (InvalidSignature, KeyError, TypeError, ValueError) as error:
        raise JournalError(
            "the certificate is not what was signed: it was changed, or its signature is not its "
            "own"
        ) from error
    return str(signature["public_key"])


def read(text: str) -> dict[str, Any]:
    """Read a certificate.

    Raises:
        JournalError: it is none.

    """
    try:
        said = json.loads(text, object_pairs_hook=_once)
    except ValueError as error:
        raise JournalError(f"it is no certificate: {error}") from error
    if not isinstance(said, dict):
        raise JournalError("it is no certificate: it is no JSON object")
    return said


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Return a JSON object; of two values by one name a reader might see the wrong one."""
    said = dict(pairs)
    if len(said) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"it says {twice} twice")
    return said


def difference(said: Mapping[str, Any], signed: Mapping[str, Any]) -> str:
    """Say in which line of JSON, as it is written for people, a certificate was changed."""
    pairs = zip_longest(*(json.dumps(item, indent=2).splitlines() for item in (said, signed)))
    for number, (found, right) in enumerate(pairs, start=1):
        if found != right:
            return f"Line {number} is {(found or '').strip()}, and was {(right or '').strip()}"
    return ""


def digest(certificate: Mapping[str, Any]) -> str:
    """Return what the journal notes of a certificate: its SHA-256, hexadecimal."""
    return canonical.digest(certificate)
