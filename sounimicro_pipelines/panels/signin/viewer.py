"""Who looks at a panel."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass, field

open_to_all: ContextVar[bool] = ContextVar("open_to_all", default=True)
"""Whether nobody can sign in to the server that answers now; its pages say so."""


@dataclass(frozen=True, slots=True)
class Viewer:
    """A person who has signed in, or whoever sits at this machine where there is no sign-in.

    `groups` are the CRM's user groups that the person is in. `csrf` goes back with everything that changes something:
    as the form field `csrf_token` or the header `X-CSRF-Token`.
    """

    tenant: str
    associate_id: int | None
    is_administrator: bool
    groups: frozenset[int] = frozenset()
    name: str = field(default="", repr=False)
    csrf: str = field(default="", repr=False)

    @property
    def is_local(self) -> bool:
        """No sign-in: this machine alone, and everything is open to it."""
        return self.associate_id is None

    @property
    def actor(self) -> str:
        """How logs and histories name this person: by id, never by name."""
        return "local" if self.associate_id is None else actor_of(self.associate_id)


def actor_of(associate_id: int) -> str:
    """How logs and histories name a CRM user."""
    return f"crm:associate:{associate_id}"


def local_viewer(tenant: str) -> Viewer:
    """Whoever sits at this machine."""
    return Viewer(tenant=tenant, associate_id=None, is_administrator=True)
