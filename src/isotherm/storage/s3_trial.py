"""Try what is needed of a bucket, each permission by a request that leaves nothing behind.

What takes things away is tried first, on names that nobody has: an object is put only where it is
known that it can be taken away again, and that no object lock would keep it.
"""

from __future__ import annotations

import base64
import hashlib
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from ..model.address import Address
from ..model.errors import StorageError
from ..model.tier import STANDARD, TIERS
from .answers import DENIED, MISSING, class_of, code_of, mend_of
from .base import Trial, Tried
from .bucket import Bucket

CONTENT = b"isotherm doctor\n"
FOLDER = "doctor"
"""Below the lake's prefix: where objects are put and taken away again."""
_FAILED = (ClientError, BotoCoreError)
_NO_SUCH_SETTING = (
    "ObjectLockConfigurationNotFoundError",
    "ServerSideEncryptionConfigurationNotFoundError",
    "NoSuchObjectLockConfiguration",
)
_OF_NOTHING = base64.b64encode(hashlib.md5(b"", usedforsecurity=False).digest()).decode()
"""The MD5 of no bytes at all."""
_KEPT = "the bucket's default retention would keep an object that is put for it"
_PERHAPS_KEPT = "an object lock might keep an object that is put for it: nobody may ask"
_NO_DELETE = "an object that is put for it could not be deleted again"
_NO_CLASS = "The store has to have this class, or no policy may name it."
_RULES = "it would write the rules of the whole bucket; isotherm lifecycle apply needs it"


class S3Trial:
    """One round of trying; it asks but twice where the store does not answer.

    Args:
        mark: The object that says whose the prefix is.
        clock: Returns our time, UTC without zone.

    """

    def __init__(
        self, bucket: Bucket, address: Address, mark: str, clock: Callable[[], datetime]
    ) -> None:
        self._bucket = bucket
        self._client = bucket.asker(patient=False)
        self._address = address
        self._mark = self._name(mark)
        self._clock = clock
        self._versioned = self._retained = False
        self._tried: list[Tried] = []
        self._about: list[str] = []
        self._put: list[dict[str, Any]] = []

    def run(self, classes: Sequence[str], *, writing: bool) -> Trial:
        """Try everything; see `storage.base.Storage.examine`."""
        try:
            self._bucket.access()  # who has no keys is told where they come from
            answer, error = self._list()
        except StorageError as error_:
            return Trial(error=error_)
        ahead = self._ahead(answer)
        if error:
            return Trial(ahead=ahead, error=error)
        self._ask("versions", self._versions)
        locked = self._ask("object lock", self._retention)
        self._ask("encryption", self._encrypted)
        self._read()
        if writing:
            deletable = self._take_away()
            if self._retained or not (locked or not self._versioned):
                self._use_mark(_KEPT if self._retained else _PERHAPS_KEPT)
            elif not deletable:
                self._use_mark(_NO_DELETE)
            else:
                self._put_in_all(classes)
        self._tried.append(Tried("s3:PutLifecycleConfiguration", untried=_RULES))
        return Trial(tuple(self._about), ahead, tuple(self._tried))

    def _list(self) -> tuple[Mapping[str, Any], StorageError | None]:
        """List the lake's objects: who cannot do that for another reason than a permission is out.

        Raises:
            StorageError: the store does not answer.

        """
        prefix = self._name("")["Key"]
        where = f"bucket {self._address.bucket}"
        try:
            answer = self._client.list_objects_v2(
                Bucket=self._address.bucket, Prefix=prefix, MaxKeys=1
            )
        except ClientError as error:
            if code_of(error) not in DENIED:
                failed = f"{where} cannot be listed: {_said(error)}"
                return error.response, StorageError(failed, hint=mend_of(error))
            self._tried.append(Tried("s3:ListBucket", _said(error), mend_of(error)))
            return error.response, None
        except BotoCoreError as error:
            failed = f"{where} cannot be reached: {error}"
            hint = "Look at [storage] url: endpoint and region; and at the network."
            raise StorageError(failed, hint=hint) from error
        self._tried.append(Tried("s3:ListBucket"))
        return dict(answer), None

    def _ahead(self, answer: Mapping[str, Any]) -> timedelta | None:
        headers = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
        with suppress(KeyError, ValueError):
            said = parsedate_to_datetime(headers["date"]).astimezone(UTC)
            return said.replace(tzinfo=None) - self._clock()
        return None

    # -- what the bucket is like; who may not ask that needs not

    def _ask(self, what: str, ask: Callable[[], str]) -> bool:
        """Ask for a setting of the bucket; False if that is not allowed, or not known there."""
        try:
            self._about.append(ask())
        except _FAILED as error:
            code = code_of(error) if isinstance(error, ClientError) else ""
            if code in _NO_SUCH_SETTING:
                self._about.append(f"no {what}")
                return True
            self._about.append(f"{what} not known ({code or error})")
            return False
        return True

    def _versions(self) -> str:
        try:
            found = self._client.get_bucket_versioning(Bucket=self._address.bucket)
        except _FAILED:
            with suppress(*_FAILED):  # an object says so, too, where it is not older than that
                found = self._client.head_object(**self._mark)
                self._versioned = found.get("VersionId", "null") != "null"
            raise
        self._versioned = "Status" in found
        if not self._versioned:
            return "no versions"
        return "versions are kept" if found["Status"] == "Enabled" else "versions were kept"

    def _retention(self) -> str:
        found = self._client.get_object_lock_configuration(Bucket=self._address.bucket)
        rule = found.get("ObjectLockConfiguration", {}).get("Rule", {}).get("DefaultRetention")
        if not rule:
            return "object lock without a default retention"
        self._retained = True
        span = f"days: {rule['Days']}" if "Days" in rule else f"years: {rule.get('Years')}"
        return f"object lock by default, {rule.get('Mode')}, {span}"

    def _encrypted(self) -> str:
        found = self._client.get_bucket_encryption(Bucket=self._address.bucket)
        for rule in found["ServerSideEncryptionConfiguration"].get("Rules", ()):
            if said := rule.get("ApplyServerSideEncryptionByDefault"):
                key = said.get("KMSMasterKeyID")
                return f"encrypted by {said['SSEAlgorithm']}" + (f" with {key}" if key else "")
        return "no encryption"

    # -- what is needed

    def _read(self) -> None:
        bucket = self._address.bucket
        with self._trying("s3:GetObject", MISSING):
            self._client.get_object(**self._mark)["Body"].read()
        with self._trying("s3:GetObjectTagging", MISSING):
            self._client.get_object_tagging(**self._mark)
        with self._trying("s3:GetLifecycleConfiguration", ("NoSuchLifecycleConfiguration",)):
            self._client.get_bucket_lifecycle_configuration(Bucket=bucket)

    def _take_away(self) -> bool:
        """Try to take away what is not there; True if an object could be deleted.

        Where versions are kept, a delete without one leaves a marker: it is not made where that is
        known, and else the marker is taken away, too.
        """
        nobody = self._unused()
        with self._trying("s3:AbortMultipartUpload", only=DENIED):
            self._client.abort_multipart_upload(**nobody, UploadId=uuid.uuid4().hex)
        if not self._versioned:
            made: Mapping[str, Any] = {}
            with self._trying("s3:DeleteObject", only=DENIED):
                made = self._client.delete_object(**nobody)
            if not made.get("DeleteMarker"):
                return not self._tried[-1].wrong
            self._versioned = True
            nobody |= {"VersionId": made["VersionId"]}
        with self._trying("s3:ListBucketVersions"):
            self._client.list_object_versions(
                Bucket=self._address.bucket, Prefix=self._mark["Key"], MaxKeys=1
            )
        with self._trying("s3:DeleteObjectVersion", only=DENIED):
            self._client.delete_object(**{"VersionId": "null", **nobody})
        deletable = not self._tried[-1].wrong
        if not deletable and "VersionId" in nobody:
            self._leave(nobody, "it is an empty delete marker")
        return deletable

    def _use_mark(self, why: str) -> None:
        """Try with the lake's mark what changes nothing of it, since no object can be put.

        Args:
            why: Why none can be.

        """
        self._tried += [Tried("an object in each class", untried=why)]
        try:
            found = self._client.get_object(**self._mark)
            content = found["Body"].read()
            tags = self._client.get_object_tagging(**self._mark)["TagSet"]
        except _FAILED:  # that was said
            return
        # To whom may put, it is refused for two reasons: there is one, and the digest is another's.
        # (Ceph does not look at the first where versions are kept, and moto never at the second.)
        with self._trying("s3:PutObject", only=DENIED):
            self._client.put_object(
                **self._mark, Body=content, IfNoneMatch="*", ContentMD5=_OF_NOTHING
            )
        with self._trying("s3:PutObjectTagging", only=DENIED):  # moto fails where there are none
            self._client.put_object_tagging(**self._mark, Tagging={"TagSet": tags})
        if class_of(found) == STANDARD.name:
            self._try_to_restore(self._mark)

    def _put_in_all(self, classes: Sequence[str]) -> None:
        try:
            self._put_and_read(self._unused())
            for name in classes:
                if name != STANDARD.name:
                    self._put_in(name)
        finally:
            self._remove_all()

    def _put_and_read(self, name: Mapping[str, str]) -> None:
        with self._trying("s3:PutObject"):
            self._have_put(name, STANDARD.name)
        if self._tried[-1].wrong:
            return
        with self._trying("reading what was put"):
            found = self._client.get_object(**name)["Body"].read()
            if found != CONTENT:
                raise ValueError(f"{len(found)} other bytes came back")
        with self._trying("s3:PutObjectTagging"):
            tags = {"TagSet": [{"Key": "isotherm", "Value": "doctor"}]}
            self._client.put_object_tagging(**name, Tagging=tags)
        self._try_to_restore(name)

    def _try_to_restore(self, name: Mapping[str, str]) -> None:
        """Ask for what is in no archive: the answer is another one to whom may not restore."""
        with self._trying("s3:RestoreObject", only=DENIED):
            self._client.restore_object(**name, RestoreRequest={"Days": 1})

    def _put_in(self, class_: str) -> None:
        """Try whether the store has a class."""
        name = self._unused()
        with self._trying(f"the class {class_}", mend=_NO_CLASS):
            self._have_put(name, class_)
            now = class_of(self._client.head_object(**name))
            if now != class_:
                raise ValueError(f"what was put to it is in {now}")
            if not TIERS[class_].archived:
                self._client.get_object(**name)["Body"].read()

    def _have_put(self, name: Mapping[str, str], class_: str) -> None:
        # A bucket with object locks asks for a checksum.
        made = self._client.put_object(
            **name, Body=CONTENT, StorageClass=class_, ChecksumAlgorithm="SHA256"
        )
        version = made.get("VersionId")
        self._put.append({**name, "VersionId": version} if version else {**name})

    def _remove_all(self) -> None:
        for name in self._put:
            try:
                self._client.delete_object(**name)
            except _FAILED as error:
                self._leave(name, _said(error))

    def _leave(self, name: Mapping[str, str], why: str) -> None:
        left = f"s3://{name['Bucket']}/{name['Key']} is left: {why}"
        self._tried.append(Tried("taking away what was put", left, "Delete it by hand."))

    @contextmanager
    def _trying(
        self, what: str, fine: Sequence[str] = (), *, only: Sequence[str] = (), mend: str = ""
    ) -> Iterator[None]:
        """Note how a request ends.

        Args:
            fine: Errors that say nothing of a permission.
            only: The errors that do; all others are fine, if this is given.
            mend: What to do about an error that is no matter of permissions.

        """
        try:
            yield
        except ClientError as error:
            code = code_of(error)
            if code not in fine and (not only or code in only):
                hint = mend if mend and code not in DENIED else mend_of(error)
                self._tried.append(Tried(what, _said(error), hint))
                return
        except (BotoCoreError, OSError, ValueError) as error:
            self._tried.append(Tried(what, str(error), mend or mend_of(error)))
            return
        self._tried.append(Tried(what))

    def _name(self, key: str) -> dict[str, str]:
        prefix = self._address.prefix
        return {"Bucket": self._address.bucket, "Key": f"{prefix}/{key}" if prefix else key}

    def _unused(self) -> dict[str, str]:
        """Return a name that nobody else has."""
        return self._name(f"{FOLDER}/{uuid.uuid4().hex}")


def _said(error: ClientError | BotoCoreError) -> str:
    """Return what the store said, without the SDK's words around it."""
    if not isinstance(error, ClientError):
        return str(error)
    message = error.response.get("Error", {}).get("Message") or ""
    return f"{code_of(error)}: {message}" if message else code_of(error)
