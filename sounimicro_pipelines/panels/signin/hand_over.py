"""What is kept for minutes while somebody signs in: the way to the identity provider, and the code for the frame.

Both are one-time codes of the store. What they hold is locked with the code itself, so the store alone tells nothing.
"""

from __future__ import annotations

import hmac
import json
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import Any

from sounimicro_pipelines.clock import Clock
from sounimicro_pipelines.panels.signin.seal import Seal, new_token
from sounimicro_pipelines.panels.signin.sessions import Opening, from_json, to_json
from sounimicro_pipelines.store import Transaction, web
from sounimicro_pipelines.superoffice import SignIn

WAY_LIFE = timedelta(minutes=10)
CODE_LIFE = timedelta(seconds=60)
_WAY = "sign-in"
_CODE = "hand-over"


@dataclass(frozen=True, slots=True)
class Way:
    """A sign-in under way. `challenge` is the digest of the frame's proof, `browser` that of the browser's cookie."""

    nonce: str = field(repr=False)
    verifier: str = field(repr=False)
    browser: str
    challenge: str
    back: str
    language: str

    def sign_in(self, state: str) -> SignIn:
        """What the CRM's client wants to see again."""
        return SignIn(url="", state=state, nonce=self.nonce, verifier=self.verifier)

    def began_in(self, browser: str) -> bool:
        """Whether this is the browser that the sign-in began in."""
        return bool(browser) and hmac.compare_digest(self.browser, web.secret_digest(browser))


class HandOver:
    """One-time codes, each used up by looking at it."""

    def __init__(self, seal: Seal, clock: Clock) -> None:
        self._seal = seal
        self._clock = clock

    def keep_way(self, tx: Transaction, state: str, way: Way) -> None:
        web.forget_expired(tx, self._clock.now())
        self._keep(tx, state, _WAY, asdict(way), {}, WAY_LIFE)

    def use_way(self, tx: Transaction, state: str) -> Way | None:
        """The sign-in that a returned state belongs to; None when it is unknown, used or too old."""
        kept = self._use(tx, state, _WAY)
        return Way(**kept[0]) if kept is not None else None

    def keep_opening(self, tx: Transaction, opening: Opening, challenge: str) -> str:
        """A code for what a sign-in gave, to be exchanged together with the proof behind `challenge`."""
        code = new_token()
        self._keep(tx, code, _CODE, to_json(opening), {"challenge": challenge}, CODE_LIFE)
        return code

    def use_opening(self, tx: Transaction, code: str, proof: str) -> Opening | None:
        """None when the code is unknown, used, too old, or another frame's. It cannot be used again in any case."""
        kept = self._use(tx, code, _CODE)
        if kept is None or not hmac.compare_digest(kept[1]["challenge"], web.secret_digest(proof)):
            return None
        return from_json(kept[0])

    def _keep(
        self, tx: Transaction, code: str, purpose: str, body: dict[str, Any], plain: dict[str, Any], life: timedelta
    ) -> None:
        locked = self._seal.lock(json.dumps(body), token=code, purpose=purpose)
        web.add_code(tx, code, purpose=purpose, body={**plain, "locked": locked}, expires_at=self._clock.now() + life)

    def _use(self, tx: Transaction, code: str, purpose: str) -> tuple[dict[str, Any], dict[str, Any]] | None:
        body = web.use_code(tx, code, purpose=purpose, now=self._clock.now())
        if body is None:
            return None
        opened = self._seal.open(body["locked"], token=code, purpose=purpose)
        return None if opened is None else (json.loads(opened), body)
