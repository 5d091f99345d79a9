"""The person's part of message keys; light, for every send looks at one."""

import hashlib
from base64 import b32encode

CODE_LENGTH = 16


def person_code(salt: str, campaign_id: str, person: str) -> str:
    """The person's part of message keys: 16 letters and digits that say nothing about him.

    Bytes 8 to 17 of the digest ``assignment.point`` begins with, in base32: a state restored from a backup
    makes the same keys.
    """
    seed = "\0".join((salt, campaign_id, person)).encode()
    return b32encode(hashlib.sha256(seed).digest()[8:18]).decode().lower()
