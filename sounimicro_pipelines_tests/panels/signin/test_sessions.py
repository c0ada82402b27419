"""What remains of a sign-in: tokens that change, that end, and that nobody can make or change themselves."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from sounimicro_pipelines.clock import ManualClock
from sounimicro_pipelines.panels.signin.hand_over import HandOver, Way
from sounimicro_pipelines.panels.signin.seal import Seal, new_token
from sounimicro_pipelines.panels.signin.sessions import IDLE, LONGEST, OVERLAP, ROTATE_AFTER, Opening, Session, Sessions
from sounimicro_pipelines.store import Store, web
from sounimicro_pipelines.superoffice import Tokens
from sounimicro_pipelines_tests.panels.signed_world import SECRET, SELLER, SignedWorld

NOW = datetime(2026, 11, 23, 9, 42, tzinfo=UTC)


class Desk:
    """Sessions on a store, with a clock of their own."""

    def __init__(self, store: Store) -> None:
        self.store, self.clock = store, ManualClock(NOW)
        self.sessions = self.of(SECRET, "Cust1")

    def of(self, secret: str, tenant: str) -> Sessions:
        return Sessions(self.store, Seal(secret), self.clock, tenant)

    def begin(self) -> str:
        opening = Opening(12, False, (2,), "Ola", new_token(), Tokens("8A:x", "r1", NOW + timedelta(hours=1)), NOW)
        with self.store.transaction() as tx:
            return self.sessions.begin(tx, opening)

    def find(self, token: str, sessions: Sessions | None = None) -> Session | None:
        with self.store.read() as tx:
            return (sessions or self.sessions).find(tx, token)

    def here(self, token: str) -> Session:
        found = self.find(token)
        assert found is not None
        return found


@pytest.fixture
def desk(store: Store) -> Desk:
    return Desk(store)


@pytest.fixture
def plain(sqlite_store: Store) -> Desk:
    return Desk(sqlite_store)


def test_a_session_is_what_the_sign_in_gave(desk: Desk) -> None:
    session = desk.here(desk.begin())
    assert (session.viewer.associate_id, session.viewer.groups, session.viewer.name) == (12, {2}, "Ola")
    assert (session.tokens.access, session.tokens.refresh) == ("8A:x", "r1")
    assert session.token not in repr(session)
    assert "8A:x" not in repr(session)
    assert "Ola" not in repr(session)


def test_a_used_session_lives_a_working_day_and_no_longer(desk: Desk) -> None:
    token = desk.begin()
    spent = timedelta(0)
    while spent + timedelta(hours=1) < LONGEST:
        desk.clock.advance(3600)
        spent += timedelta(hours=1)
        desk.sessions.note(desk.here(token))
    desk.clock.advance(3600)
    assert desk.find(token) is None


def test_an_idle_session_ends(desk: Desk) -> None:
    token = desk.begin()
    desk.clock.advance(IDLE.total_seconds() - 1)
    assert desk.find(token) is not None
    desk.clock.advance(1)
    assert desk.find(token) is None


def test_a_new_token_replaces_the_old_one_when_it_has_come_back(desk: Desk) -> None:
    token = desk.begin()
    assert not desk.sessions.is_due_for_rotation(desk.here(token))
    desk.clock.advance(ROTATE_AFTER.total_seconds())
    session = desk.here(token)
    assert desk.sessions.is_due_for_rotation(session)
    newer = desk.sessions.rotate(session)
    desk.clock.advance(300)
    assert desk.find(token) is not None, "an answer that was lost must not sign anybody out"
    renewed = desk.here(newer)
    assert renewed.viewer == session.viewer
    assert renewed.signed_in_at == session.signed_in_at
    assert not desk.sessions.is_due_for_rotation(renewed)
    desk.sessions.note(renewed)
    desk.clock.advance(OVERLAP.total_seconds() - 1)
    assert desk.find(token) is not None, "requests that were under way"
    desk.clock.advance(1)
    assert desk.find(token) is None, "a token that was replaced"
    assert desk.find(newer) is not None


def test_renewed_crm_tokens_are_kept(desk: Desk) -> None:
    token = desk.begin()
    desk.sessions.keep_tokens(desk.here(token), Tokens("8A:y", "r1", NOW + timedelta(hours=3)))
    assert desk.here(token).tokens == Tokens("8A:y", "r1", NOW + timedelta(hours=3))


def test_one_sign_ins_sessions_live_and_end_together(desk: Desk) -> None:
    frame, window, somebody_else = desk.begin(), desk.begin(), ""
    desk.clock.advance(60)
    opening = Opening(12, False, (), "Ola", new_token(), Tokens("8A:z", None, NOW), desk.clock.now())
    with desk.store.transaction() as tx:
        somebody_else = desk.sessions.begin(tx, opening)
    for _ in range(3):
        desk.clock.advance(3600)
        desk.sessions.note(desk.here(frame))
        desk.sessions.note(desk.here(somebody_else))
    assert desk.find(window) is not None
    desk.sessions.end(desk.here(frame))
    assert desk.find(frame) is None
    assert desk.find(window) is None
    assert desk.find(somebody_else) is not None


def test_nobody_makes_or_changes_a_session_themselves(plain: Desk) -> None:
    token = plain.begin()
    for forged in ("", "x", token[:-1], token + "A", "A" * 43, token.swapcase(), "' OR 1=1 --", "\0" * 43, "å" * 43):
        assert plain.find(forged) is None
    assert plain.find(token, plain.of("another secret that is long enough, too", "Cust1")) is None
    assert plain.find(token, plain.of(SECRET, "Cust2")) is None


def test_a_stored_session_cannot_be_moved_to_another_token(plain: Desk) -> None:
    """Whoever can write to the store alone makes no session out of somebody's locked CRM tokens."""
    token, mine = plain.begin(), new_token()
    with plain.store.transaction() as tx:
        table = tx.tables.sessions
        tx.execute(table.update().values(token_digest=web.secret_digest(mine)))
    assert plain.find(mine) is None
    assert plain.find(token) is None


def test_a_locked_text_opens_only_with_everything_it_was_locked_with() -> None:
    seal, token = Seal(SECRET), new_token()
    locked = seal.lock("hemmelig", token=token, purpose="session")
    assert seal.open(locked, token=token, purpose="session") == "hemmelig"
    assert seal.open(locked, token=new_token(), purpose="session") is None
    assert seal.open(locked, token=token, purpose="hand-over") is None
    assert Seal(SECRET + "x").open(locked, token=token, purpose="session") is None
    for broken in ("", "x", "%%%", locked[:-4], locked[:20] + "AAAA" + locked[24:]):
        assert seal.open(broken, token=token, purpose="session") is None


def test_one_time_codes_are_of_one_kind_and_used_by_looking(desk: Desk) -> None:
    codes = HandOver(Seal(SECRET), desk.clock)
    way = Way("n", "v", web.secret_digest("b"), "c", "/panel/company", "nb")
    with desk.store.transaction() as tx:
        codes.keep_way(tx, "s" * 43, way)
        assert codes.use_opening(tx, "s" * 43, "") is None
        found = codes.use_way(tx, "s" * 43)
        assert found == way
        assert found.began_in("b")
        assert not found.began_in("")
        assert codes.use_way(tx, "s" * 43) is None


def wait_until_let_go(signed: SignedWorld, token: str) -> None:
    """That a token has been replaced is noted after the answer has gone out."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        with signed.store.read() as tx:
            row = web.session(tx, token, signed.clock.now())
        if row is None or row.expires_at <= signed.clock.now() + OVERLAP:
            return
        time.sleep(0.01)


def test_a_browser_gets_a_new_token_now_and_then(signed: SignedWorld) -> None:
    browser = signed.signed_in(SELLER)
    first, csrf = browser.cookie(), browser.csrf
    assert "set-cookie" not in browser.get(signed.panel()).headers
    signed.clock.advance(ROTATE_AFTER.total_seconds())
    assert browser.get(signed.panel()).status_code == 200
    second = browser.cookie()
    assert second != first
    assert browser.get("/auth/session").json()["csrf"] == csrf
    assert browser.get(signed.panel()).status_code == 200
    wait_until_let_go(signed, first)
    signed.clock.advance(OVERLAP.total_seconds() + 1)
    thief = signed.browser()
    thief.http.cookies.set("panels_session", first)
    assert thief.get(signed.panel()).status_code == 401
    assert browser.get(signed.panel()).status_code == 200


def test_signing_out_ends_the_session_everywhere(signed: SignedWorld) -> None:
    browser, copy = signed.signed_in(SELLER), signed.browser()
    copy.http.cookies.set("panels_session", browser.cookie())
    assert copy.get(signed.panel()).status_code == 200
    answer = browser.post("/auth/sign-out", headers={"X-CSRF-Token": browser.csrf})
    assert answer.status_code == 200
    assert "Max-Age=0" in answer.headers["set-cookie"]
    assert copy.get(signed.panel()).status_code == 401
    assert browser.post("/auth/sign-out", headers={"X-CSRF-Token": browser.csrf}).status_code == 401


def test_somebody_whom_the_crm_does_not_know_any_more_is_signed_out(signed: SignedWorld) -> None:
    browser = signed.signed_in(SELLER)
    credentials = signed.sandbox.crm.credentials
    kept = dict(credentials.refresh)
    credentials.revoke()
    credentials.refresh.clear()
    assert browser.get(signed.panel()).status_code == 401, "the record is asked for with the person's own token"
    credentials.refresh.update(kept)
    assert browser.get(signed.panel()).status_code == 401, "the session has ended"


def test_an_access_token_that_has_ended_is_renewed_unseen(signed: SignedWorld) -> None:
    browser = signed.signed_in(SELLER)
    signed.sandbox.crm.expire_credentials()
    assert browser.get(signed.panel()).status_code == 200
    asked = signed.sandbox.crm.metering.total
    assert browser.get(signed.panel()).status_code == 200
    assert signed.sandbox.crm.metering.total == asked, "the CRM's word is kept for some minutes"


def test_a_session_may_ask_only_so_often(signed: SignedWorld) -> None:
    browser, other = signed.signed_in(SELLER), signed.signed_in(SELLER)
    answers = [browser.get("/auth/session") for _ in range(130)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused
    assert int(refused[0].headers["retry-after"]) >= 1
    assert other.get("/auth/session").status_code == 200, "each session has its own measure"
    signed.clock.advance(30)
    assert browser.get("/auth/session").status_code == 200
