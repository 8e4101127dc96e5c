"""An S3 store: one prefix of a bucket; a tier is the storage class of an object.

Objects are written once, under a key that is never used twice, by a conditional put with a SHA-256
that the store checks. The SHA-256 of the whole object also lies in its metadata, so that a class
that cannot be read is checked by asking.
"""

from __future__ import annotations

import base64
import hashlib
import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from ..model.address import Access, Address
from ..model.errors import StorageError
from ..model.part import Location
from ..model.tier import STANDARD, TIERS
from .base import Stored

MARK = "isotherm.lake"
"""The object that says which lake a prefix belongs to."""
SHA256 = "isotherm-sha256"
"""The metadata key under which an object carries its own SHA-256, hexadecimal."""
PART_BYTES = 64 * 1024 * 1024
"""Objects larger than this go up in parts of this size."""
CHUNK = 4 * 1024 * 1024
ATTEMPTS = 8
COPIED_WITHIN_DAYS = 3
"""So long the store's own readable copy stays; ours is made of it."""
MISSING = ("404", "NoSuchKey", "NotFound")
THERE = ("412", "PreconditionFailed", "ConditionalRequestConflict")


class S3Storage:
    """See `storage.base.Storage`.

    Args:
        address: The bucket and the prefix, and the endpoint and region of a server that is not
            Amazon's. Keys come from the usual places of the AWS SDK.

    """

    def __init__(self, address: Address) -> None:
        self.address = address
        self.place = address.place
        session = boto3.Session(profile_name=address.profile, region_name=address.region)
        config = Config(
            retries={"mode": "standard", "max_attempts": ATTEMPTS},
            s3={"addressing_style": "path" if address.endpoint else "auto"},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        self._session = session
        self._client: Any = session.client("s3", endpoint_url=address.endpoint, config=config)
        self._scratch = tempfile.TemporaryDirectory(prefix="isotherm-s3-")

    def claim(self, lake: str, used: Collection[str] = ()) -> None:
        """Make the prefix this lake's own, where it is new."""
        if self._owner() is None:
            if used:
                raise self._not_there(f"objects of {', '.join(sorted(used))} should be in it")
            with suppress(_ThereAlreadyError), _asking(self.place, "written"):
                self._put(self._key(MARK), f"{lake}\n".encode(), {})
        self.check(lake)

    def check(self, lake: str) -> None:
        """Check that the prefix is there, and this lake's own."""
        owner = self._owner()
        if owner is None:
            raise self._not_there(f"it has no object {MARK}")
        if owner != lake:
            raise StorageError(
                f"{self.place} belongs to another lake ({owner})",
                hint="Give this lake a prefix of its own: [storage] url in isotherm.toml.",
            )

    def access(self) -> Access:
        """Return what other readers and writers of the prefix need, as it is now.

        Raises:
            StorageError: the AWS SDK finds no keys.

        """
        found = self._session.get_credentials()
        if found is None:
            raise StorageError(
                f"there are no keys for {self.place}",
                hint="Give them as AWS tools take them: AWS_ACCESS_KEY_ID and "
                "AWS_SECRET_ACCESS_KEY, or ~/.aws, or ?profile= in [storage] url.",
            )
        keys = found.get_frozen_credentials()
        return Access(
            self.address,
            keys.access_key,
            keys.secret_key,
            keys.token,
            self._client.meta.region_name,
        )

    def url(self, location: Location) -> str:
        """Return the URL by which Iceberg and the engine know the object."""
        return f"s3://{self.address.bucket}/{self._object(location)}"

    def metadata_url(self, dataset: str) -> str:
        """Return the URL below which the dataset's Iceberg metadata lies."""
        return f"s3://{self.address.bucket}/{self._key(f'iceberg/{dataset}')}"

    def stage(self, location: Location) -> str:
        """Return a file of this machine that the engine writes the object to."""
        staged = self._staged(location)
        staged.parent.mkdir(parents=True, exist_ok=True)
        staged.write_bytes(b"")
        return str(staged)

    def publish(self, location: Location) -> Stored:
        """Put the staged file, in a class that can be read; `settle` brings it to its own."""
        staged = self._staged(location)
        with staged.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            size = file.tell()
            file.seek(0)
            with _asking(location, "written"):
                try:
                    self._upload(location, file, size, sha256)
                except _ThereAlreadyError:
                    raise StorageError(
                        f"object {location} is there already: another writer has put it",
                        hint="Nothing was changed. Run the same command again.",
                    ) from None
        staged.unlink()
        return Stored(location, size, sha256)

    def settle(self, location: Location) -> None:
        """Bring an object that was verified to the class of its tier, in place."""
        if TIERS.get(location.tier, STANDARD).archived:
            self._copy(location, location)

    def restore(self, location: Location) -> bool:
        """Ask for an archived object once, at the price of Standard retrieval."""
        found = self._head(location)
        if found is None:
            raise _missing(location)
        if not _is_archived(found):
            return True
        if "Restore" not in found:
            with _asking(location, "restored"):
                try:
                    self._client.restore_object(
                        **self._name(location),
                        RestoreRequest={
                            "Days": COPIED_WITHIN_DAYS,
                            "GlacierJobParameters": {"Tier": "Standard"},
                        },
                    )
                except ClientError as error:
                    if _code(error) != "RestoreAlreadyInProgress":
                        raise
            found = self._head(location)
        return found is not None and not _is_archived(found)

    def copy(self, source: Location, target: Location, sha256: str) -> Stored:
        """Have the store copy an object, whose SHA-256 is the recorded one."""
        found = self._head(source)
        if found is None:
            raise _missing(source)
        self._require_sha256(source, found, sha256)
        self._copy(source, target)
        copied = self._head(target)
        if copied is None or copied["ContentLength"] != found["ContentLength"]:
            raise StorageError(f"object {target} is not what was copied from {source}")
        self._require_sha256(target, copied, sha256)
        return Stored(target, found["ContentLength"], sha256)

    def size(self, location: Location) -> int | None:
        """Return the object's size in bytes, None if it is not there."""
        found = self._head(location)
        return None if found is None else int(found["ContentLength"])

    def sha256(self, location: Location) -> str:
        """Return the object's SHA-256: read, or as it was put where the class cannot be read."""
        found = self._head(location)
        if found is None:
            raise _missing(location)
        if _is_archived(found):
            return str(found["Metadata"].get(SHA256, ""))
        digest = hashlib.sha256()
        with _asking(location, "read"):
            body = self._client.get_object(**self._name(location))["Body"]
            for chunk in body.iter_chunks(CHUNK):
                digest.update(chunk)
        return digest.hexdigest()

    def remove(self, location: Location) -> None:
        """Remove an object, staged or published."""
        self._staged(location).unlink(missing_ok=True)
        with _asking(location, "removed"):
            self._client.delete_object(**self._name(location))

    def list(self, tier: str, prefix: str = "") -> Iterator[Location]:
        """List the published objects of a tier."""
        root = self._key(f"{tier}/")
        with _asking(self.place, "listed"):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self.address.bucket, Prefix=root + (f"{prefix}/" if prefix else "")
            )
            for page in pages:
                for item in page.get("Contents", ()):
                    yield Location(tier, item["Key"].removeprefix(root))

    def close(self) -> None:
        """Remove what was staged."""
        self._scratch.cleanup()

    # -- names

    def _key(self, name: str) -> str:
        return f"{self.address.prefix}/{name}" if self.address.prefix else name

    def _object(self, location: Location) -> str:
        return self._key(f"{location.tier}/{location.key}")

    def _name(self, location: Location) -> dict[str, str]:
        return {"Bucket": self.address.bucket, "Key": self._object(location)}

    def _staged(self, location: Location) -> Path:
        return Path(self._scratch.name) / location.tier / location.key

    # -- asking

    def _owner(self) -> str | None:
        with _asking(self.place, "read"):
            try:
                found = self._client.get_object(Bucket=self.address.bucket, Key=self._key(MARK))
            except ClientError as error:
                if _code(error) in MISSING:
                    return None
                raise
            return str(found["Body"].read().decode().strip())

    def _head(self, location: Location) -> Mapping[str, Any] | None:
        with _asking(location, "read"):
            try:
                found: Mapping[str, Any] = self._client.head_object(**self._name(location))
            except ClientError as error:
                if _code(error) in MISSING:
                    return None
                raise
            return found

    def _require_sha256(self, location: Location, found: Mapping[str, Any], sha256: str) -> None:
        stored = found["Metadata"].get(SHA256, "none")
        if stored != sha256:
            raise StorageError(
                f"object {location} is not the one that was written: its SHA-256 is "
                f"{stored[:12]}..., recorded was {sha256[:12]}...",
                hint="Nothing was changed. Put the object back from a backup, then try again.",
            )

    def _put(self, key: str, content: IO[bytes] | bytes, more: Mapping[str, Any]) -> None:
        """Put an object where there is none."""
        try:
            self._client.put_object(
                Bucket=self.address.bucket, Key=key, Body=content, IfNoneMatch="*", **more
            )
        except ClientError as error:
            if _code(error) in THERE:
                raise _ThereAlreadyError from error
            raise

    def _upload(self, location: Location, file: IO[bytes], size: int, sha256: str) -> None:
        tier = TIERS.get(location.tier, STANDARD)
        more = {
            "Metadata": {SHA256: sha256},
            "StorageClass": "STANDARD" if tier.archived else tier.name,
        }
        if size <= PART_BYTES:
            checksum = {"ChecksumSHA256": base64.b64encode(bytes.fromhex(sha256)).decode()}
            self._put(self._object(location), file, {**more, **checksum})
        else:
            self._upload_parts(location, file, more)

    def _upload_parts(self, location: Location, file: IO[bytes], more: Mapping[str, Any]) -> None:
        """Put a large object in parts, each with its checksum; it is there when it is complete."""
        name = self._name(location)
        upload = self._client.create_multipart_upload(**name, ChecksumAlgorithm="SHA256", **more)
        name = {**name, "UploadId": upload["UploadId"]}
        try:
            parts: list[dict[str, Any]] = []
            while chunk := file.read(PART_BYTES):
                number = len(parts) + 1
                checksum = base64.b64encode(hashlib.sha256(chunk).digest()).decode()
                done = self._client.upload_part(
                    **name, PartNumber=number, Body=chunk, ChecksumSHA256=checksum
                )
                parts.append(
                    {"PartNumber": number, "ETag": done["ETag"], "ChecksumSHA256": checksum}
                )
            self._client.complete_multipart_upload(
                **name, MultipartUpload={"Parts": parts}, IfNoneMatch="*"
            )
        except BaseException as error:
            with suppress(ClientError, BotoCoreError):
                self._client.abort_multipart_upload(**name)
            if isinstance(error, ClientError) and _code(error) in THERE:
                raise _ThereAlreadyError from error
            raise

    def _copy(self, source: Location, target: Location) -> None:
        """Have the store copy into the target's class; metadata and tags come along."""
        name = self._name(target)
        with _asking(source, "copied"):
            self._client.copy(
                self._name(source),
                name["Bucket"],
                name["Key"],
                ExtraArgs={
                    "StorageClass": target.tier,
                    "MetadataDirective": "COPY",
                    "TaggingDirective": "COPY",
                },
            )

    def _not_there(self, why: str) -> StorageError:
        return StorageError(
            f"the store {self.place} is not there: {why}",
            hint="Nothing was changed. If it is a new one, make it: isotherm init",
        )


class _ThereAlreadyError(Exception):
    """A conditional put found an object."""


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _is_archived(found: Mapping[str, Any]) -> bool:
    """Say whether an object cannot be read now, by what the store says of it."""
    tier = TIERS.get(found.get("StorageClass", "STANDARD"))
    return bool(tier and tier.archived) and 'ongoing-request="false"' not in found.get(
        "Restore", ""
    )


def _missing(location: Location) -> StorageError:
    return StorageError(
        f"object {location} is missing",
        hint="Nothing was changed. Put the object back from a backup, then try again.",
    )


@contextmanager
def _asking(what: Location | str, done: str) -> Iterator[None]:
    """Turn an error of the SDK into one that names the object."""
    try:
        yield
    except (ClientError, BotoCoreError, OSError) as error:
        name = f"object {what}" if isinstance(what, Location) else f"the store {what}"
        raise StorageError(
            f"{name} cannot be {done}: {error}",
            hint="Nothing was deleted. Mend the store or its permissions, then run it again.",
        ) from error
