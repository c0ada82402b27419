"""Who may see and change what. What an address says is a hint; the viewer's own rights in the CRM decide.

- A CRM record is shown to those whose own token can read it there, and changed by those who may update it there.
- Figures that are addressed by ERP company and party are for administrators, and for those who can read the CRM record
  that the party is linked with.
- A company that the settings give to CRM user groups (SOUNIMICRO_COMPANY_GROUPS) is for their members alone.

Where there is no sign-in, everything is open to whoever sits at this machine. A handler calls `admit`, `see` or
`require_record` with the very values that it then reads by; a test goes through every route.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeVar

from fastapi import Request
from starlette.concurrency import run_in_threadpool

from sounimicro_pipelines.clock import Clock
from sounimicro_pipelines.panels.address import Address, Subject
from sounimicro_pipelines.panels.crm import Crm
from sounimicro_pipelines.panels.errors import Forbidden, SignInNeeded, SystemDown
from sounimicro_pipelines.panels.signin.sessions import Session, Sessions
from sounimicro_pipelines.panels.signin.viewer import Viewer
from sounimicro_pipelines.store import Store, Transaction, companies, links
from sounimicro_pipelines.superoffice import UserSession, read_entity, read_principal
from sounimicro_pipelines.transport import AccessDenied, AuthenticationFailed, NotFound, VendorError

T = TypeVar("T")

KEPT = timedelta(minutes=5)
"""How long the CRM's word that somebody may read a record is good."""
KEPT_REFUSAL = timedelta(seconds=30)
KEPT_FOR_CHANGE = timedelta(seconds=30)
GRACE = timedelta(hours=1)
"""How long it stays good while the CRM does not answer: figures are shown on, with their age."""

_REMEMBERED = 20_000
_ERP_ENTITIES = {"customer": "Customer", "supplier": "Supplier"}


@dataclass(frozen=True, slots=True)
class Access:
    """What somebody may do with a CRM record, as the CRM said at that moment."""

    may_read: bool
    may_update: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class _Standing:
    """The CRM's user groups of somebody whose account was good at that moment."""

    groups: frozenset[int]
    at: datetime


def viewer_of(request: Request) -> Viewer:
    """Who asks."""
    viewer: Viewer = request.state.viewer
    return viewer


class Walls:
    """The checks, with what the CRM said lately. `crm` and `sessions` are None where there is no sign-in."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        *,
        crm: Crm | None,
        sessions: Sessions | None,
        company_groups: Mapping[str, frozenset[int]],
    ) -> None:
        self._store = store
        self._clock = clock
        self._crm = crm
        self._sessions = sessions
        self._company_groups = company_groups
        self._standing: OrderedDict[str, _Standing] = OrderedDict()
        self._access: OrderedDict[tuple[str, str, int], Access] = OrderedDict()

    # -- companies and administration -------------------------------------------------------------------------------

    def sees_company(self, viewer: Viewer, company: str) -> bool:
        """Whether an ERP company (alias) is for this viewer at all."""
        allowed = self._company_groups.get(company)
        return viewer.is_local or allowed is None or bool(allowed & viewer.groups)

    def require_company(self, viewer: Viewer, company: str) -> None:
        """Raises Forbidden."""
        if not self.sees_company(viewer, company):
            raise Forbidden("not_your_company")

    def require_administrator(self, viewer: Viewer) -> None:
        """Raises Forbidden."""
        if not viewer.is_administrator:
            raise Forbidden("not_administrator")

    # -- records and figures ----------------------------------------------------------------------------------------

    async def admit(self, request: Request, address: Address, entity: str = "contact") -> None:
        """A panel at an address: the CRM record that it names, or the party. Raises Forbidden, SystemDown."""
        viewer = viewer_of(request)
        if viewer.is_local:
            return
        if address.company is not None:
            self.require_company(viewer, address.company)
        if address.crm is not None:
            tenant, record_id = address.crm
            await self.require_record(request, entity, record_id, tenant=tenant)
            return
        subject = address.subject()
        if subject is not None:
            await self.see(request, subject)

    async def see(self, request: Request, subject: Subject) -> None:
        """The figures of a customer or supplier. Raises Forbidden, SystemDown."""
        viewer = viewer_of(request)
        if viewer.is_local:
            return
        self.require_company(viewer, subject.company)
        if viewer.is_administrator:
            return
        link = await self._read(lambda tx: _link_of(tx, subject))
        if link is None or link.tenant.casefold() != viewer.tenant.casefold():
            raise Forbidden("not_for_you")
        access = await self.access(request, link.crm_entity, link.crm_id)
        if not access.may_read:
            raise Forbidden("not_for_you")

    async def require_record(
        self, request: Request, entity: str, record_id: int, *, tenant: str | None = None, change: bool = False
    ) -> None:
        """A CRM record (contact, person, project) to be shown, or with `change` to be changed.

        Raises Forbidden when the viewer may not, or when it is no record of our tenant; SystemDown when that cannot
        be found out now.
        """
        viewer = viewer_of(request)
        if viewer.is_local:
            return
        if tenant is not None and tenant.casefold() != viewer.tenant.casefold():
            raise Forbidden("not_readable")
        access = await self.access(request, entity, record_id, fresh=change)
        if not access.may_read:
            raise Forbidden("not_readable")
        if change and not access.may_update:
            raise Forbidden("not_changeable")

    async def access(self, request: Request, entity: str, record_id: int, *, fresh: bool = False) -> Access:
        """What the viewer may do with a CRM record, asked of the CRM with their own token and kept for a while."""
        now = self._clock.now()
        session: Session | None = getattr(request.state, "session", None)
        if session is None:
            return Access(True, True, now)
        key = (session.sign_in, entity, record_id)
        kept = self._access.get(key)
        if kept is not None:
            life = KEPT_FOR_CHANGE if fresh else KEPT if kept.may_read else KEPT_REFUSAL
            if now - kept.at < life:
                return kept
        try:
            found = await self._as_viewer(session, lambda person: read_entity(person, entity, record_id))
            access = Access(not found.deleted, found.may_update and not found.deleted, now)
        except (NotFound, AccessDenied):
            access = Access(False, False, now)
        except VendorError as error:
            if fresh or kept is None or not kept.may_read or now - kept.at >= GRACE:
                raise SystemDown("crm_down") from error
            return kept
        _remember(self._access, key, access)
        return access

    async def standing(self, session: Session) -> Viewer:
        """The viewer of a session, whose CRM account is asked for every few minutes; their groups as they are now.

        Raises SignInNeeded when the CRM does not take their token any more, SystemDown when it does not answer for
        longer than can be waited.
        """
        now = self._clock.now()
        kept = self._standing.get(session.sign_in)
        if kept is None and now - session.signed_in_at < KEPT:
            kept = _Standing(session.viewer.groups, session.signed_in_at)
        if kept is None or now - kept.at >= KEPT:
            try:
                principal = await self._as_viewer(session, read_principal)
            except VendorError as error:
                last = kept.at if kept is not None else session.seen_at
                if now - last >= GRACE:
                    raise SystemDown("crm_down") from error
                return replace(session.viewer, groups=kept.groups if kept is not None else session.viewer.groups)
            if principal.associate_id != session.viewer.associate_id:
                await self._end(session)
                raise SignInNeeded
            kept = _Standing(groups_of(principal.group_id), now)
            _remember(self._standing, session.sign_in, kept)
        return replace(session.viewer, groups=kept.groups)

    async def _as_viewer(self, session: Session, work: Callable[[UserSession], Awaitable[T]]) -> T:
        """Ask the CRM with the viewer's token; one that has been renewed is kept. Raises the VendorError family."""
        if self._crm is None or self._sessions is None:
            raise SignInNeeded
        person = self._crm.as_person(session.tokens)
        try:
            return await work(person)
        except AuthenticationFailed:
            await self._end(session)
            raise SignInNeeded from None
        finally:
            if person.tokens != session.tokens:
                await run_in_threadpool(self._sessions.keep_tokens, session, person.tokens)

    async def _end(self, session: Session) -> None:
        if self._sessions is not None:
            await run_in_threadpool(self._sessions.end, session, "session_refused")

    async def _read(self, work: Callable[[Transaction], T]) -> T:
        def read() -> T:
            with self._store.read() as tx:
                return work(tx)

        return await run_in_threadpool(read) if self._store.is_postgres else read()


def groups_of(group_id: int | None) -> frozenset[int]:
    """The user groups that the CRM tells of somebody: their own one."""
    return frozenset() if group_id is None else frozenset({group_id})


def _link_of(tx: Transaction, subject: Subject) -> links.Link | None:
    company = companies.by_alias(tx, subject.company)
    if company is None:
        return None
    return links.for_erp(tx, company.company_key, _ERP_ENTITIES[subject.role], subject.party_id)


def _remember(kept: OrderedDict[T, Access] | OrderedDict[T, _Standing], key: T, value: object) -> None:
    kept[key] = value  # type: ignore[assignment]
    kept.move_to_end(key)
    while len(kept) > _REMEMBERED:
        kept.popitem(last=False)
