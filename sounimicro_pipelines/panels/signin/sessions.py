"""Sessions in the store: begun, found by their token, given a new token now and then, kept alive, ended.

A sign-in makes one session for the pop-up's own window (first party) and one for the frame that asked; both are ended
together. The browser holds a token, the store its digest and the person's CRM tokens, locked (`seal.py`).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from sounimicro_pipelines.clock import Clock
from sounimicro_pipelines.panels.signin.seal import Seal, new_token
from sounimicro_pipelines.panels.signin.viewer import Viewer, actor_of
from sounimicro_pipelines.store import Store, Transaction, web
from sounimicro_pipelines.superoffice import Tokens

LONGEST = timedelta(hours=12)
"""A sign-in ends after a working day, whatever happens."""
IDLE = timedelta(hours=2)
ROTATE_AFTER = timedelta(minutes=15)
OVERLAP = timedelta(seconds=30)
"""How long a token stays good after its successor has been used: for requests that were under way."""
NOTE_EVERY = timedelta(minutes=1)

_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")
_PURPOSE = "session"


@dataclass(frozen=True, slots=True)
class Opening:
    """What a sign-in gave: everything that its sessions begin with."""

    associate_id: int
    is_administrator: bool
    groups: tuple[int, ...]
    name: str = field(repr=False)
    csrf: str = field(repr=False)
    tokens: Tokens = field(repr=False)
    signed_in_at: datetime


@dataclass(frozen=True, slots=True)
class Session:
    """A living session. `made_at` is when its token was made; `digest` is how the store knows that token."""

    token: str = field(repr=False)
    digest: str
    viewer: Viewer
    tokens: Tokens = field(repr=False)
    signed_in_at: datetime
    made_at: datetime
    seen_at: datetime
    predecessor: str | None

    @property
    def sign_in(self) -> str:
        """One name for the whole sign-in, over all its tokens."""
        return f"{self.viewer.actor} {self.signed_in_at.isoformat()}"


class Sessions:
    """The sessions of one tenant's people."""

    def __init__(self, store: Store, seal: Seal, clock: Clock, tenant: str) -> None:
        self._store = store
        self._seal = seal
        self._clock = clock
        self._tenant = tenant

    def begin(self, tx: Transaction, opening: Opening, *, predecessor: str | None = None) -> str:
        """A new session; answers its token."""
        token, now = new_token(), self._clock.now()
        web.add_session(
            tx,
            web.Session(
                token_digest=web.secret_digest(token),
                tenant=self._tenant,
                actor=actor_of(opening.associate_id),
                associate_id=opening.associate_id,
                is_administrator=opening.is_administrator,
                language=None,
                groups=list(opening.groups),
                sealed=self._locked(token, opening, now, predecessor),
                created_at=opening.signed_in_at,
                seen_at=now,
                expires_at=self._end(opening.signed_in_at, now),
            ),
        )
        return token

    def find(self, tx: Transaction, token: str) -> Session | None:
        """The living session of a token; None for one that is unknown, over, of another tenant, or tampered with."""
        if not _TOKEN.fullmatch(token):
            return None
        row = web.session(tx, token, self._clock.now())
        if row is None or row.tenant != self._tenant or row.associate_id is None:
            return None
        opened = self._seal.open(row.sealed or "", token=token, purpose=_PURPOSE)
        if opened is None:
            return None
        kept: dict[str, Any] = json.loads(opened)
        viewer = Viewer(
            tenant=self._tenant,
            associate_id=row.associate_id,
            is_administrator=row.is_administrator,
            groups=frozenset(row.groups or ()),
            name=kept["name"],
            csrf=kept["csrf"],
        )
        return Session(
            token=token,
            digest=row.token_digest,
            viewer=viewer,
            tokens=_tokens(kept),
            signed_in_at=row.created_at,
            made_at=datetime.fromisoformat(kept["made_at"]),
            seen_at=row.seen_at,
            predecessor=kept["predecessor"],
        )

    def is_due_for_rotation(self, session: Session) -> bool:
        return self._clock.now() - session.made_at >= ROTATE_AFTER

    def rotate(self, session: Session) -> str:
        """A new token for the same session. The old one stays good until the new one has come back."""
        with self._store.transaction(durable=False) as tx:
            return self.begin(tx, _opening(session), predecessor=session.digest)

    def note(self, session: Session) -> None:
        """Remember that the sign-in is in use, and let go of the token that this one has replaced."""
        now = self._clock.now()
        is_first_use = session.seen_at <= session.made_at
        if not is_first_use and now - session.seen_at < NOTE_EVERY:
            return
        with self._store.transaction(durable=False) as tx:
            web.touch_session(tx, session.digest, now=now)
            if is_first_use and session.predecessor is not None:
                web.shorten_session(tx, session.predecessor, expires_at=now + OVERLAP)
            web.extend_sign_in(
                tx,
                tenant=self._tenant,
                actor=session.viewer.actor,
                created_at=session.signed_in_at,
                living_at=now + OVERLAP,
                expires_at=self._end(session.signed_in_at, now),
            )

    def keep_tokens(self, session: Session, tokens: Tokens) -> None:
        """Keep CRM tokens that have been renewed."""
        renewed = _opening(replace(session, tokens=tokens))
        sealed = self._locked(session.token, renewed, session.made_at, session.predecessor)
        with self._store.transaction(durable=False) as tx:
            web.touch_session(tx, session.digest, now=session.seen_at, sealed=sealed)

    def end(self, session: Session, action: str = "sign_out") -> None:
        """End everything that came of the same sign-in, and note why."""
        with self._store.transaction() as tx:
            web.end_sign_in(tx, tenant=self._tenant, actor=session.viewer.actor, created_at=session.signed_in_at)
            web.audit(
                tx,
                tenant=self._tenant,
                actor=session.viewer.actor,
                action=action,
                subject=session.viewer.actor,
                now=self._clock.now(),
            )

    def _end(self, signed_in_at: datetime, now: datetime) -> datetime:
        return min(signed_in_at + LONGEST, now + IDLE)

    def _locked(self, token: str, opening: Opening, made_at: datetime, predecessor: str | None) -> str:
        kept = to_json(opening) | {"made_at": made_at.isoformat(), "predecessor": predecessor}
        return self._seal.lock(json.dumps(kept), token=token, purpose=_PURPOSE)


def to_json(opening: Opening) -> dict[str, Any]:
    """An opening as plain values, to be locked."""
    return {
        "associate_id": opening.associate_id,
        "is_administrator": opening.is_administrator,
        "groups": list(opening.groups),
        "name": opening.name,
        "csrf": opening.csrf,
        "access": opening.tokens.access,
        "refresh": opening.tokens.refresh,
        "renew_at": opening.tokens.renew_at.isoformat(),
        "made_tokens_at": opening.tokens.made_at.isoformat() if opening.tokens.made_at else None,
        "signed_in_at": opening.signed_in_at.isoformat(),
    }


def from_json(kept: dict[str, Any]) -> Opening:
    """What `to_json` made."""
    return Opening(
        associate_id=kept["associate_id"],
        is_administrator=kept["is_administrator"],
        groups=tuple(kept["groups"]),
        name=kept["name"],
        csrf=kept["csrf"],
        tokens=_tokens(kept),
        signed_in_at=datetime.fromisoformat(kept["signed_in_at"]),
    )


def _tokens(kept: dict[str, Any]) -> Tokens:
    made_at = kept.get("made_tokens_at")
    renew_at = datetime.fromisoformat(kept["renew_at"])
    return Tokens(kept["access"], kept["refresh"], renew_at, datetime.fromisoformat(made_at) if made_at else None)


def _opening(session: Session) -> Opening:
    viewer = session.viewer
    return Opening(
        associate_id=viewer.associate_id or 0,
        is_administrator=viewer.is_administrator,
        groups=tuple(sorted(viewer.groups)),
        name=viewer.name,
        csrf=viewer.csrf,
        tokens=session.tokens,
        signed_in_at=session.signed_in_at,
    )
