"""Events that are stored in one transaction, once."""

import hashlib
import json
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from .. import catalog
from ..record import Record

ERROR_OR_WORSE = frozenset(catalog.SEVERITIES[catalog.SEVERITIES.index("error") :])


def new_receipt(seconds: float | None = None) -> UUID:
    """Return a UUID of version 7 (RFC 9562), of now: they lie in the order they were made."""
    milliseconds = int((time.time() if seconds is None else seconds) * 1000)
    return _receipt(milliseconds, os.urandom(10))


def _receipt(milliseconds: int, distinguishing: bytes) -> UUID:
    random = int.from_bytes(distinguishing, "big")
    high = milliseconds << 16 | 0x7000 | random >> 68
    low = 1 << 63 | random & (1 << 62) - 1
    return UUID(int=high << 64 | low)


@dataclass(slots=True)
class Batch:
    """`receipt` is stored with the events: it shows later whether they were.

    `times` are when the events happened, in seconds since 1970.
    """

    records: Sequence[Record]
    times: Sequence[float]
    receipt: UUID = field(default_factory=new_receipt)

    @property
    def is_error_or_worse(self) -> bool:
        """Whether an error or worse is among them."""
        return any(record.severity in ERROR_OR_WORSE for record in self.records)

    def halves(self) -> "list[Batch]":
        """Return two batches of their own, for when one of the events can't be stored.

        Their receipts follow from this one's: a batch that is spooled twice may be halved twice.
        """
        middle = len(self.records) // 2
        return [
            Batch(self.records[part], self.times[part], self._receipt_of_half(number))
            for number, part in enumerate((slice(middle), slice(middle, None)))
        ]

    def receipts_of_parts(self) -> Iterator[UUID]:
        """Yield the receipts of its halves, of theirs, and so on."""
        if len(self.records) > 1:
            for half in self.halves():
                yield half.receipt
                yield from half.receipts_of_parts()

    def _receipt_of_half(self, number: int) -> UUID:
        digest = hashlib.sha256(self.receipt.bytes + bytes([number])).digest()
        return _receipt(self.receipt.int >> 80, digest[:10])

    def as_text(self) -> str:
        """Return the events and their times as JSON."""
        rows = [(when, *record) for when, record in zip(self.times, self.records, strict=True)]
        return json.dumps(rows, default=str, ensure_ascii=False)

    def as_dicts(self) -> Iterator[dict[str, Any]]:
        """Yield the events with their times, as JSON shows them."""
        for record, when in zip(self.records, self.times, strict=True):
            context = json.loads(record.context)
            yield {
                "timestamp": as_datetime(when).isoformat(),
                **record._asdict(),
                "context": context,
            }

    @classmethod
    def from_text(cls, receipt: str, text: str) -> "Batch":
        """Read what `as_text` wrote."""
        rows = json.loads(text)
        return cls(
            [_with_uuids(Record(*values)) for _, *values in rows],
            [when for when, *_ in rows],
            UUID(receipt),
        )


def _with_uuids(record: Record) -> Record:
    device_id, account_id = record.device_id, record.account_id
    return record._replace(
        device_id=None if device_id is None else UUID(str(device_id)),
        account_id=None if account_id is None else UUID(str(account_id)),
    )


def as_datetime(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
