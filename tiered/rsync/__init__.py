"""Signatures, deltas and patches of the rsync algorithm, by the system's librsync.

What duplicity and rdiff write, byte for byte; docs/decisions/0001 says why the
binding is our own.  Files are streamed, so memory does not grow with them, and
the GIL is free while librsync works: run separate jobs in separate threads.  No
object here may be used by two threads at once.
"""

from tiered.rsync.delta import DeltaMaker, delta_of
from tiered.rsync.header import (
    MAX_BLOCK_LEN,
    Kind,
    SignatureHeader,
    block_len_for,
    signature_header,
)
from tiered.rsync.library import Library, load_library
from tiered.rsync.patching import patch, patch_bytes
from tiered.rsync.signature import Signature, SignatureMaker, signature_of

__all__ = [
    "MAX_BLOCK_LEN",
    "DeltaMaker",
    "Kind",
    "Library",
    "Signature",
    "SignatureHeader",
    "SignatureMaker",
    "block_len_for",
    "delta_of",
    "load_library",
    "patch",
    "patch_bytes",
    "signature_header",
    "signature_of",
]
