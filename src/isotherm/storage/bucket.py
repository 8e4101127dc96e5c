"""A bucket as Isotherm uses it: conditional and checked puts, copies by the store, errors by name.

The SHA-256 of a whole object lies in its metadata, so that one that cannot be read is known, too.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from functools import cached_property
from typing import IO, Any
from urllib.parse import urlencode

import stamina
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    IncompleteReadError,
    ReadTimeoutError,
    ResponseStreamingError,
)

from ..model.address import Access, Address
from ..model.errors import StorageError
from .answers import HINT, MISSING, asking, class_of, code_of, conditional
from .sdk import send_at_once, session_of

SHA256 = "isotherm-sha256"
"""The metadata key under which an object carries its own SHA-256, hexadecimal."""
PART_BYTES = 64 * 1024**2
"""Objects larger than this go up in parts of this size."""
ONE_COPY_BYTES = 5 * 1024**3
"""The largest object that is copied by one request."""
CHUNK = 4 * 1024**2
AT_ONCE = 32
"""So many requests are made at a time, where there are many."""
TAGS_AT_MOST = 10
"""So many tags S3 keeps of an object."""
ATTEMPTS = 8
"""Of a request that meets a passing failure; the SDK waits longer each time, within a budget."""
LEAST_SIZE = "TransitionDefaultMinimumObjectSize"
"""What a bucket says of all its rules: which objects are too small to be moved."""
_CUT_OFF = (IncompleteReadError, ReadTimeoutError, ResponseStreamingError)
"""What is said where a connection breaks while an object is read."""


class Bucket:
    """One bucket, through the AWS SDK. All methods raise `StorageError`, which names the object.

    Args:
        address: The bucket, and the endpoint and region of a server that is not Amazon's. Keys
            come from the usual places of the SDK.
        patient: Ask again, and wait long; else but twice, and not for long.

    """

    def __init__(self, address: Address, *, patient: bool = True) -> None:
        self._address = address
        with asking(address.place, "reached"):  # a profile that is not there, half a pair of keys
            self._session = session_of(address)
            self.client = self._client() if patient else self._client(attempts=2, timeout=5)

    def _client(self, attempts: int = ATTEMPTS, timeout: int = 60) -> Any:
        config = Config(
            retries={"mode": "standard", "max_attempts": attempts},
            connect_timeout=timeout,
            read_timeout=timeout,
            max_pool_connections=AT_ONCE,
            s3={"addressing_style": "path" if self._address.endpoint else "auto"},
            # Checksums are given where they count; other servers do not know all of Amazon's.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        client = self._session.client("s3", endpoint_url=self._address.endpoint, config=config)
        send_at_once(client)
        return client

    def access(self) -> Access:
        """Return what other readers and writers of the bucket need, as it is now."""
        found = self._session.get_credentials()
        if found is None:
            raise StorageError(
                f"there are no keys for {self._address.place}",
                hint="Give them as AWS tools take them: AWS_ACCESS_KEY_ID and "
                "AWS_SECRET_ACCESS_KEY, or ~/.aws, or ?profile= in [storage] url.",
            )
        keys = found.get_frozen_credentials()
        return Access(self._address, keys.access_key, keys.secret_key, keys.token, self._region)

    @cached_property
    def _region(self) -> str:
        """The region that the bucket says it is in: other readers follow no redirect."""
        headers: Mapping[str, str] = {}
        try:
            answer = self.asker(patient=False).head_bucket(Bucket=self._address.bucket)
            headers = answer["ResponseMetadata"]["HTTPHeaders"]
        except ClientError as error:
            headers = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
        except BotoCoreError:
            pass  # whatever is asked next says what is wrong
        return str(headers.get("x-amz-bucket-region") or self.client.meta.region_name)

    def head(self, key: str) -> Mapping[str, Any] | None:
        """Return what the store says of an object, None if it is not there."""
        with self._asking(key, "looked at"):
            try:
                found: Mapping[str, Any] = self.client.head_object(**self._name(key))
            except ClientError as error:
                if code_of(error) in MISSING:
                    return None
                raise
            return found

    def required(self, key: str) -> Mapping[str, Any]:
        """Return what the store says of an object that has to be there."""
        found = self.head(key)
        if found is None:
            raise StorageError(f"object {self._url(key)} is missing", hint=HINT)
        return found

    def chunks(self, key: str, first: int = 0, length: int | None = None) -> Iterator[bytes]:
        """Read an object piece by piece; where the connection breaks, it goes on from there."""
        read, last = first, first + length - 1 if length else ""
        still: dict[str, str] = {}
        with self._asking(key, "read"):
            for attempt in stamina.retry_context(on=_CUT_OFF, attempts=ATTEMPTS, timeout=None):
                with attempt:
                    rest = {"Range": f"bytes={read}-{last}"} if read or length else {}
                    found = self.client.get_object(**self._name(key), **rest, **still)
                    still = {"IfMatch": found["ETag"]}
                    for chunk in found["Body"].iter_chunks(CHUNK):
                        read += len(chunk)
                        yield chunk

    def put(self, key: str, content: IO[bytes] | bytes, **more: Any) -> None:
        """Put an object where there is none.

        Raises:
            ThereAlreadyError: there is one.

        """
        with self._asking(key, "written"), conditional():
            self.client.put_object(**self._checked(key), Body=content, IfNoneMatch="*", **more)

    def overwrite(self, key: str, content: bytes) -> None:
        """Put an object, in whose place there may be another."""
        with self._asking(key, "written"):
            self.client.put_object(**self._checked(key), Body=content)

    def upload(self, key: str, file: IO[bytes], sha256: str, size: int, class_: str) -> None:
        """Put a file, with checksums that the store holds it against, where there is nothing.

        Args:
            sha256: Of the whole file, hexadecimal.
            class_: The storage class.

        Raises:
            ThereAlreadyError: there is an object.

        """
        more = {"Metadata": {SHA256: sha256}, "StorageClass": class_}
        if size <= PART_BYTES:
            checksum = base64.b64encode(bytes.fromhex(sha256)).decode()
            self.put(key, file, ChecksumSHA256=checksum, **more)
            return
        with self._asking(key, "written"), conditional():
            self._upload_parts(self._name(key), file, more)

    def copy(
        self,
        source: str,
        target: str,
        class_: str,
        sha256: str | None = None,
        without: Collection[str] = (),
    ) -> int:
        """Have the store copy an object into a class, and look at what has come of it.

        One that is copied onto itself leaves no version behind in the class that it was in.

        Args:
            sha256: What the object must be; what it says of itself if not given.
            without: Tags that do not come along: a rule that they match would move the copy.

        Returns:
            Its size in bytes.

        """
        found = self.required(source)
        size, stored = found["ContentLength"], found["Metadata"].get(SHA256, "none")
        if sha256 and stored != sha256:
            raise StorageError(
                f"object {self._url(source)} is not the one that was written: recorded was the "
                f"SHA-256 {sha256[:12]}..., and it says {stored[:12]}",
                hint=HINT,
            )
        tags = self.tags(source) if without else {}
        kept = {name: value for name, value in tags.items() if name not in without}
        self._have_copied(source, target, found, class_, kept if kept != tags else None)
        if kept != tags:  # Ceph has copied them all the same, and its rules may have acted on them
            self.tag(target, {}, without)
            if class_of(self.required(target)) != class_:
                return self.copy(target, target, class_, sha256)
        made = self.required(target)
        seen = (made["ContentLength"], made["Metadata"].get(SHA256, "none"), class_of(made))
        if seen != (size, stored, class_):
            raise StorageError(
                f"object {self._url(target)} is not what was copied from {source}: it has "
                f"{seen[0]} bytes in {seen[2]}, {size} in {class_} were asked for",
                hint="Nothing was deleted. Does the store have this storage class?",
            )
        if source == target and found.get("VersionId") != made.get("VersionId"):
            with suppress(StorageError):  # a lock keeps it: it goes with the object
                self._remove_version(source, found.get("VersionId", "null"))
        return int(size)

    def _have_copied(
        self,
        source: str,
        target: str,
        found: Mapping[str, Any],
        class_: str,
        tags: Mapping[str, str] | None,
    ) -> None:
        """Have the store copy the object that was found, by one request or in parts.

        Args:
            tags: Those of the copy; the object's own if not given.

        """
        more: dict[str, Any] = {"StorageClass": class_, "CopySourceIfMatch": found["ETag"]}
        parts = found["ContentLength"] > ONE_COPY_BYTES  # then nothing comes along by itself
        if parts and tags is None:
            tags = self.tags(source)
        if tags is not None:
            more |= {"TaggingDirective": "REPLACE", "Tagging": urlencode(tags)}
        with self._asking(source, "copied"):
            if parts:
                more |= {"MetadataDirective": "REPLACE", "Metadata": found["Metadata"]}
                self.client.copy(self._name(source), self._address.bucket, target, ExtraArgs=more)
            else:
                named = {**self._checked(target), "CopySource": self._name(source)}
                self.client.copy_object(**named, **more)

    def ask(self, key: str, days: int, speed: str) -> bool:
        """Ask for an archived object, unless that was done at this speed.

        Returns:
            False if the store has no archive: there an object of any class can be read.

        """
        request = {"Days": days, "GlacierJobParameters": {"Tier": speed}}
        with self._asking(key, "restored"):
            try:
                self.client.restore_object(**self._name(key), RestoreRequest=request)
            except ClientError as error:
                if code_of(error) == "NotImplemented":
                    return False
                if code_of(error) != "RestoreAlreadyInProgress":
                    raise
        return True

    def remove(self, key: str) -> None:
        """Remove an object and all its versions; one that is not there is no error.

        Raises:
            StorageError: an object lock holds a version, which stays readable.

        """
        found = self.head(key) or {}
        with self._asking(key, "removed"):
            if found.get("VersionId", "null") == "null":
                done = self.client.delete_object(**self._name(key))
                if "VersionId" not in done:
                    return
            # Versions are kept: without them no marker needs to be put on top.
            self._remove_versions(key)

    def _remove_versions(self, key: str) -> None:
        """Remove what a delete leaves in a versioned bucket: versions first, then the markers."""
        pages = self.client.get_paginator("list_object_versions")
        for kind in ("Versions", "DeleteMarkers"):
            for page in pages.paginate(Bucket=self._address.bucket, Prefix=key):
                for item in page.get(kind, ()):
                    if item["Key"] == key:
                        self._remove_version(key, item["VersionId"])

    def _remove_version(self, key: str, version: str) -> None:
        with self._asking(key, "removed"):
            self.client.delete_object(**self._name(key), VersionId=version)

    def tags(self, key: str) -> dict[str, str]:
        """Return the tags of an object."""
        with self._asking(key, "looked at"):
            try:
                found = self.client.get_object_tagging(**self._name(key))["TagSet"]
            except ClientError as error:  # moto shows no tags of what is archived
                if code_of(error) != "InvalidObjectState" or self.required(key).get("TagCount"):
                    raise
                return {}
        return {tag["Key"]: tag["Value"] for tag in found}

    def tag(self, key: str, tags: Mapping[str, str], own: Collection[str]) -> None:
        """Give an object tags instead of those of `own` that it has; all others stay."""
        found = self.tags(key)
        wanted = {name: value for name, value in found.items() if name not in own} | dict(tags)
        if wanted == found:
            return
        if len(wanted) > TAGS_AT_MOST:
            raise StorageError(
                f"object {self._url(key)} has {len(wanted) - len(tags)} tags of others, and S3 "
                f"has room for {TAGS_AT_MOST}",
                hint="Take one away, then run it again.",
            )
        listed = [{"Key": name, "Value": value} for name, value in wanted.items()]
        with self._asking(key, "tagged"):
            self.client.put_object_tagging(**self._name(key), Tagging={"TagSet": listed})

    def rules(self, *, patient: bool = True) -> list[Mapping[str, Any]]:
        """Return the bucket's lifecycle rules; without patience it is asked but twice."""
        return list(self._lifecycle(patient).get("Rules", ()))

    def put_rules(self, rules: Sequence[Mapping[str, Any]]) -> None:
        """Replace the bucket's lifecycle rules; what else it says of them stays."""
        least = self._lifecycle().get(LEAST_SIZE)
        with self._asking("", "given lifecycle rules"):
            self.client.put_bucket_lifecycle_configuration(
                Bucket=self._address.bucket,
                LifecycleConfiguration={"Rules": list(rules)},
                **({LEAST_SIZE: least} if least else {}),
            )

    def _lifecycle(self, patient: bool = True) -> Mapping[str, Any]:
        with self._asking("", "asked for its lifecycle rules"):
            try:
                found: Mapping[str, Any] = self.asker(patient).get_bucket_lifecycle_configuration(
                    Bucket=self._address.bucket
                )
            except ClientError as error:
                if code_of(error) == "NoSuchLifecycleConfiguration":
                    return {}
                raise
        return found

    def keys(self, prefix: str, *, patient: bool = True) -> Iterator[tuple[str, str]]:
        """List the keys that begin so, each with the storage class of its object."""
        with self._asking(prefix, "listed"):
            pages = self.asker(patient).get_paginator("list_objects_v2")
            for page in pages.paginate(Bucket=self._address.bucket, Prefix=prefix):
                for item in page.get("Contents", ()):
                    yield item["Key"], class_of(item)

    def asker(self, patient: bool) -> Any:
        """Return the SDK's client; without patience one that asks but twice."""
        return self.client if patient else self._client(attempts=2, timeout=5)

    def _url(self, key: str) -> str:
        return f"s3://{self._address.bucket}/{key}"

    def _name(self, key: str) -> dict[str, str]:
        return {"Bucket": self._address.bucket, "Key": key}

    def _checked(self, key: str) -> dict[str, str]:
        """Name an object to put, with a checksum: a bucket with object locks asks for one."""
        return {**self._name(key), "ChecksumAlgorithm": "SHA256"}

    def _upload_parts(
        self, name: Mapping[str, str], file: IO[bytes], more: Mapping[str, Any]
    ) -> None:
        """Put a large object in parts, each with its checksum; it is there when it is complete."""
        begun = self.client.create_multipart_upload(**name, ChecksumAlgorithm="SHA256", **more)
        upload = {**name, "UploadId": begun["UploadId"]}
        parts: list[dict[str, Any]] = []
        try:
            while chunk := file.read(PART_BYTES):
                checksum = base64.b64encode(hashlib.sha256(chunk).digest()).decode()
                part = {"PartNumber": len(parts) + 1, "ChecksumSHA256": checksum}
                done = self.client.upload_part(**upload, **part, Body=chunk)
                parts.append({**part, "ETag": done["ETag"]})
            self.client.complete_multipart_upload(
                **upload, MultipartUpload={"Parts": parts}, IfNoneMatch="*"
            )
        except BaseException:
            with suppress(ClientError, BotoCoreError):
                self.client.abort_multipart_upload(**upload)
            raise

    def _asking(self, key: str, done: str) -> AbstractContextManager[None]:
        """Name the object, or the bucket where it has no key, in the errors of the SDK."""
        what = f"object {self._url(key)}" if key else f"bucket {self._address.bucket}"
        return asking(what, done)
