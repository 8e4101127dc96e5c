"""Where an S3 store is, as one URL says it: `s3://bucket/prefix?endpoint=...&region=...`."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlencode, urlsplit

KEYS = ("endpoint", "region", "profile")
"""What a URL may say beside the bucket and the prefix."""

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_PREFIX = re.compile(r"[A-Za-z0-9!_.*'()/=-]*")


@dataclass(frozen=True, slots=True)
class Address:
    """A prefix of a bucket.

    Attributes:
        endpoint: The URL of a server that is not Amazon's.
        profile: Whose keys, of the AWS config files; the SDK's own choice if not said.

    """

    bucket: str
    prefix: str
    endpoint: str | None = None
    region: str | None = None
    profile: str | None = None

    @property
    def place(self) -> str:
        """The bucket and the prefix as a URL, by which the store is known."""
        return f"s3://{self.bucket}/{self.prefix}".rstrip("/")

    @property
    def url(self) -> str:
        """All of it as a URL, as `parse` reads it."""
        said = {name: value for name in KEYS if (value := getattr(self, name))}
        return f"{self.place}?{urlencode(said)}" if said else self.place

    @classmethod
    def parse(cls, url: str) -> Address:
        """Read a URL.

        Raises:
            ValueError: it is not one, in words for whoever wrote it.

        """
        parts = urlsplit(url)
        if parts.scheme != "s3" or not _BUCKET.fullmatch(parts.netloc):
            raise ValueError('write "s3://bucket/prefix"; a bucket has 3 to 63 of a-z 0-9 . -')
        prefix = parts.path.strip("/")
        if parts.fragment or not _PREFIX.fullmatch(prefix) or "//" in prefix:
            raise ValueError("a prefix has letters, digits and ! _ . * ' ( ) = - between single /")
        said = dict(parse_qsl(parts.query, keep_blank_values=True))
        if wrong := sorted(set(said) - set(KEYS)):
            raise ValueError(f"{wrong[0]}: after the ? there may be {', '.join(KEYS)}")
        endpoint = said.get("endpoint")
        if endpoint is not None and not re.fullmatch(r"https?://[^/?#\s]+/?", endpoint):
            raise ValueError('write the endpoint as "http://host:port"')
        return cls(
            parts.netloc,
            prefix,
            endpoint.rstrip("/") if endpoint else None,
            said.get("region") or None,
            said.get("profile") or None,
        )


@dataclass(frozen=True, slots=True)
class Access:
    """An address, and the keys to it."""

    address: Address
    key_id: str
    secret: str = field(repr=False)
    token: str | None = field(repr=False)
    region: str
