"""What can go wrong, as values that callers, users and programs can act on.

Every error tiered raises on purpose is a `TieredError` and answers:

    str(error)    what happened          lower case, no full stop, names the thing
    error.hint    what the user can do   full sentences, "" if there is nothing;
                                         every StoreError has one
    error.code    where it is explained  docs/errors/<code>.md, never reused
    error.retry   whether the same call, unchanged, can succeed later

The tree is shallow on purpose: a class exists only if some caller, script or
person treats it differently.

    TieredError
      ConfigError       the user asked for something impossible
        UsageError      ... on the command line
      MissingDependency a program or library that must be installed
      ConfigDoubtful    it can be used, and probably not all of it is meant
      SourceError       what is being backed up cannot be read
      TargetError       where files are restored to cannot be used
      SomeSkipped       the run finished, but not every file was handled
      NoBackup          there is nothing to restore, for that time or path
      ArchiveDamaged    objects are missing or do not parse
      PassphraseError   the passphrase is absent or wrong
      EncryptionFailed  the encryption program itself failed
      Locked            another process works on the same archive
      ScratchError      the temporary or cache directory cannot be used
      CopiesDiffer      copies are missing or wrong; the archive can be read
      ListingDoubtful   a listing contradicts what is known; nothing was touched
      Interrupted       the user pressed Ctrl-C
      StoreError        a store failed; the parent of all below
        NotFound, AlreadyExists, Denied, Full     a person or the plan must act
        StoreMissing                              no such container or directory
        WrongPolicy                               the container is of another kind
        RulesBroken                               it does not do what stores must do
        Unavailable                               wait and repeat
          RateLimited                             ... as it is too much at once
        Frozen                                    cold object: plan a thaw
        Corrupt                                   not the bytes that were stored
          UploadCorrupt                           ... right after they were sent
"""

from enum import Enum
from typing import ClassVar


class Retry(Enum):
    """Can the same call succeed later without anyone changing anything?"""

    NEVER = "never"
    SOON = "soon"  # seconds to minutes: the retry wrapper handles it
    THAW = "thaw"  # hours: only the cold planner handles it


class TieredError(Exception):
    """Base of all errors raised on purpose.

    Args:
        message: What happened.  Never holds a secret.
        hint: What the user can do about it; empty: what is usual for the class.
        wait_s: Seconds the other side asked us to wait, if it did.
        **facts: Details for logs and JSON output.  Units go in the key:
            `size_bytes`, `elapsed_s`.
    """

    code: ClassVar[str] = "internal"
    exit_status: ClassVar[int] = 1
    retry: Retry = Retry.NEVER
    """Of the class, unless who raises an error knows better."""
    usual_hint: ClassVar[str] = ""

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        wait_s: float | None = None,
        **facts: object,
    ) -> None:
        super().__init__(message)
        self.hint = hint or self.usual_hint
        self.wait_s = wait_s
        self.facts = facts


class ConfigError(TieredError):
    """The configuration asks for something impossible or ambiguous."""

    code = "config-invalid"
    exit_status = 2


class UsageError(ConfigError):
    """The command line is not one that tiered understands."""

    code = "usage-invalid"


class ConfigDoubtful(TieredError):
    """A config was checked: it can be used, and something in it is doubtful."""

    code = "config-doubtful"
    exit_status = 7


class SomeSkipped(TieredError):
    """The run came to its end, and some paths were left out on the way."""

    code = "some-skipped"
    exit_status = 3


class MissingDependency(TieredError):
    """A program or library that this action needs is not installed."""

    code = "dependency-missing"
    exit_status = 4


class Locked(TieredError):
    """Another process is working on the same archive."""

    code = "archive-locked"
    exit_status = 5


class ScratchError(TieredError):
    """The temporary directory or the cache is full, missing or read-only."""

    code = "scratch-unusable"
    exit_status = 6


class SourceError(TieredError):
    """What is being backed up cannot be read; no store is to blame."""

    code = "source-unreadable"
    exit_status = 10


class TargetError(TieredError):
    """The place that files are restored to cannot be used; no store is to blame."""

    code = "target-unusable"
    exit_status = 11


class NoBackup(TieredError):
    """The stores answered, and nothing there matches what was asked for."""

    code = "no-backup"
    exit_status = 12


class ArchiveDamaged(TieredError):
    """Objects of a set are missing, or are not what the format allows."""

    code = "archive-damaged"
    exit_status = 30


class PassphraseError(TieredError):
    """The passphrase is absent, or does not open the archive."""

    code = "passphrase-wrong"
    exit_status = 31


class EncryptionFailed(TieredError):
    """The program that encrypts failed for a reason of its own."""

    code = "encryption-failed"
    exit_status = 33


class ListingDoubtful(TieredError):
    """A listing contradicts what is known, so nothing may be built on it."""

    code = "listing-doubtful"
    exit_status = 32


class CopiesDiffer(TieredError):
    """Stores do not hold what they should; as far as is known nothing is lost."""

    code = "copies-differ"
    exit_status = 34


class Interrupted(TieredError):
    """The user ended the run; 130 is what shells use for Ctrl-C."""

    code = "interrupted"
    exit_status = 130


class StoreError(TieredError):
    """A store could not do what it was asked."""

    code = "store-failed"
    exit_status = 20
    usual_hint = (
        "Try again later; if it stays, run it with -v9 and report what it prints."
    )


class NotFound(StoreError):
    """The store answered, and the object is not there."""

    code = "object-not-found"
    usual_hint = (
        "Run it again: it may have been deleted just now.  `tiered status` shows "
        "what is listed."
    )


class AlreadyExists(StoreError):
    """A name that must be new is taken."""

    code = "object-already-exists"
    usual_hint = "Run it again; let one machine alone write to an archive."


class Denied(StoreError):
    """The credentials are wrong or do not allow this."""

    code = "access-denied"
    exit_status = 21
    usual_hint = "Check the login, and what its owner may do there."


class Full(StoreError):
    """No space or no quota left."""

    code = "store-full"
    exit_status = 22
    usual_hint = "Free space there, raise the quota, or move the archive."


class Unavailable(StoreError):
    """The store did not answer, or asked us to come back."""

    code = "store-unavailable"
    exit_status = 23
    retry = Retry.SOON
    usual_hint = (
        "Try again later; check the network, and the status page of the provider."
    )


class RateLimited(Unavailable):
    """The store is well, and was asked too much at once."""

    code = "rate-limited"
    usual_hint = "Ask less of it at once: --limit-requests or --limit-connections."


class Frozen(StoreError):
    """The object is in cold storage and must be thawed before it is read."""

    code = "object-frozen"
    exit_status = 24
    retry = Retry.THAW
    usual_hint = "Thaw it first; `tiered restore` does so."


class Corrupt(StoreError):
    """The bytes are not the bytes that were stored."""

    code = "object-corrupt"
    exit_status = 25
    usual_hint = (
        "Read another copy, or restore another time; see the page of this error."
    )


class UploadCorrupt(Corrupt):
    """The store kept something else than it was sent; sending again may help."""

    code = "upload-corrupt"
    retry = Retry.SOON
    usual_hint = "Check space and health of the store, and run it again."


class StoreMissing(StoreError):
    """The container or directory that a store stands for does not exist."""

    code = "store-missing"
    exit_status = 26
    usual_hint = "Create it, mount the disk that holds it, or correct the URL."


class WrongPolicy(StoreError):
    """The container exists, and is of another kind than the store needs."""

    code = "store-policy"
    exit_status = 27
    usual_hint = "Use another container: it keeps the policy it was made with."


class RulesBroken(StoreError):
    """A store was checked, and does not keep the rules that backups rest on."""

    code = "rules-broken"
    exit_status = 28
    usual_hint = "Keep no backups on this store alone until it is clear why."
