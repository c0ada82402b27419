"""What can be wrong with the store, each with its remedy."""

from __future__ import annotations

from sounimicro_pipelines.errors import SounimicroError


class StoreError(SounimicroError):
    """The store cannot be used."""


class UnknownAddress(StoreError):
    """The database URL is no address of a kind that we know."""

    exit_code = 2


class Unreachable(StoreError):
    """Nobody answers at the address, or the answer was a refusal."""


class Unwritable(StoreError):
    """The file or its folder may not be written, or the disk is full."""


class Locked(StoreError):
    """Another process holds the database, and did not let go in time."""


class Foreign(StoreError):
    """The database holds something else than our store."""


class FromTheFuture(StoreError):
    """A newer version of this product has upgraded the store."""


class Outdated(StoreError):
    """Somebody else has changed the row since it was read; read again and decide anew."""
