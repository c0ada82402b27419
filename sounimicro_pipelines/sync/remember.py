"""Remembering what an agreement did: baselines, journal, kept losers, issues, and the end of the intents."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sounimicro_pipelines.rules.values import Reading, Scalar
from sounimicro_pipelines.store import Transaction, baselines, conflicts, history, intents, issues, links
from sounimicro_pipelines.store.baselines import Baseline
from sounimicro_pipelines.store.conflicts import Conflict
from sounimicro_pipelines.store.history import Entry
from sounimicro_pipelines.store.intents import Intent
from sounimicro_pipelines.store.links import Link
from sounimicro_pipelines.sync.decide import CRM
from sounimicro_pipelines.sync.losers import loser_of, moment_of
from sounimicro_pipelines.sync.ports import Written
from sounimicro_pipelines.sync.routing import poke_others
from sounimicro_pipelines.sync.translate import paths_of, read_field
from sounimicro_pipelines.sync.weigh import FieldWrite, Scene, Stuck, Weighed, place_of
from sounimicro_pipelines.sync.world import World

KINDS = {"undo": "undo", "restore": "restore"}
"""How the journal calls a write by its reason; every other one is an update."""


def remember(
    world: World,
    scene: Scene,
    found: Weighed,
    writes: Sequence[FieldWrite],
    written: Mapping[int, Written],
    unfinished: Sequence[Intent],
    planned: Sequence[Intent],
    open_issues: set[str],
) -> None:
    """Baselines, journal, kept losers, issues and the end of the intents, in one transaction.

    `unfinished` are the writes that an earlier attempt left open, `planned` those that have just happened. Raises
    Outdated when another engine was faster.
    """
    finished = [*unfinished, *planned]
    settled = {key: dict(values) for key, values in found.settled.items()}
    entries: list[Entry] = []
    losers: list[Conflict] = []
    lost: list[FieldWrite] = []
    again = False
    for one in writes:
        done = written[one.place]
        after, certain = left_by(one, done, scene)
        settled[one.field.key][one.place] = after.text
        again = again or not certain
        if certain and after.key != one.sent.key and (after.key == one.old.key or one.sent.text.startswith(after.text)):
            lost.append(one)
        told = one.told(scene.records)
        entries.append(_entry(world, scene, one.field.key, one.place, {**told, "to": after.text}))
        if told["loser"]:
            losers.append(_loser(world, scene, one.field.key, one.place, told))
    _mirror_shared(scene, found.writes, writes, settled)
    for intent in finished:
        place = place_of(scene.group, intent)
        for key in found.confirmed.get(intent.id, ()):
            entries.append(_entry(world, scene, key, place, intent.body[key], intent))
        for key in (*found.confirmed.get(intent.id, ()), *found.overtaken.get(intent.id, ())):
            if intent.body[key].get("loser"):
                losers.append(_loser(world, scene, key, place, intent.body[key]))
    changed = _changed_baselines(world, scene, found.forgotten, settled)
    solved = _solved(scene, found, open_issues)
    strays = [(place, path) for place, done in written.items() for path in done.strayed]
    said = [_left_to_do(scene, found, link.data or {}, writes) for link in scene.group.links]
    heard = any(
        data != (link.data or {}) or _org_number(scene, place) != link.org_number
        for place, (data, link) in enumerate(zip(said, scene.group.links, strict=True), start=1)
    )
    withheld = [
        (one, holder)
        for one, holder in found.withheld
        if number_issue(scene.group.links[0], one.field.key) not in open_issues
    ]
    nothing = not (withheld or changed or entries or finished or found.stuck or solved or strays or heard)
    if nothing:
        return
    with world.store.transaction() as tx:
        for baseline in changed:
            baselines.save(tx, baseline)
        history.add(tx, entries)
        for loser in losers:
            conflicts.record(tx, loser)
        for edit_place, done in written.items():
            for edit in done.overwritten:
                conflicts.record(tx, _unseen(world, scene, edit_place, edit.path, edit.value, edit.by, edit.at))
        for intent in finished:
            _end_intent(tx, world, scene, found, intent, happened=intent in planned)
        for stuck in found.stuck:
            _report_stuck(tx, world, scene, stuck)
        for one, holder in withheld:
            _report_withheld(tx, world, scene, one, holder)
        for fingerprint, key in solved:
            issues.solve(tx, fingerprint, now=world.now())
            conflicts.close_gone(tx, scene.group.links[0].id, key, winner=None, by="sync", now=world.now())
        for place, path in strays:
            _report_stray(tx, world, scene, place, path)
        for one in lost:
            _report_lost(tx, world, scene, one)
        _finish_links(tx, world, scene, said)
        if any(one.place == CRM for one in writes) or again:
            poke_others(tx, world, scene.group, include_own=again)


def _end_intent(tx: Transaction, world: World, scene: Scene, found: Weighed, intent: Intent, *, happened: bool) -> None:
    """Close an intent; what it holds of fields that another rule governs now is left to that rule."""
    mine = {one.key for one in scene.group.fields}
    rest = {key: told for key, told in intent.body.items() if key not in mine} if intent.kind == "update" else {}
    if rest and not happened:
        intents.mark(tx, intent.id, intent.state, body=rest)
        return
    sure = happened or intent.id in found.confirmed or intent.kind == "marker"
    intents.mark(tx, intent.id, "done" if sure else "abandoned", finished_at=world.now())


def left_by(one: FieldWrite, done: Written, scene: Scene) -> tuple[Reading, bool]:
    """What the baseline should hold at the written place, and whether that is certain.

    A value that differs from what was sent is the system's own spelling only if the answer is that of the write
    itself, or if we were the last to change the object; otherwise a person may have been faster than our reading.
    """
    found = read_field(one.field, done.record, scene.items)
    if found.key == one.sent.key or done.exact:
        return found, True
    touches = [done.record.touch_of(path) for path in paths_of(one.field, done.record.side)]
    if all(touch.by_us for touch in touches):
        return found, True
    return one.sent, False


def _mirror_shared(
    scene: Scene, all_writes: Sequence[FieldWrite], sent: Sequence[FieldWrite], settled: dict[str, dict[int, str]]
) -> None:
    """Both links remember what was written once on a shared business relation."""
    for one in all_writes:
        if one not in sent:
            settled[one.field.key][one.place] = settled[one.field.key][1]


def _changed_baselines(
    world: World, scene: Scene, forgotten: Collection[str], settled: Mapping[str, Mapping[int, str]]
) -> list[Baseline]:
    found: list[Baseline] = []
    for place, link in enumerate(scene.group.links, start=1):
        old = scene.baselines.get(link.id)
        crm, erp = dict(old.crm) if old else {}, dict(old.erp) if old else {}
        for key in forgotten:
            crm.pop(key, None)
            erp.pop(key, None)
        for key, values in settled.items():
            if CRM in values:
                crm[key] = values[CRM]
            if place in values:
                erp[key] = values[place]
        if old is not None and (crm, erp) == (old.crm, old.erp):
            continue
        found.append(
            Baseline(
                link_id=link.id,
                crm=crm,
                erp=erp,
                rule_version=scene.group.version,
                agreed_at=world.now(),
                crm_stamp=scene.records[CRM].stamp,
                erp_stamp=scene.records[place].stamp,
                revision=old.revision if old else 0,
            )
        )
    return found


def _about(scene: Scene, place: int) -> dict[str, Any]:
    link = scene.group.link_at(place)
    return {
        "rule": scene.group.rule.rule,
        "tenant": link.tenant,
        "crm_entity": link.crm_entity,
        "crm_id": link.crm_id,
        "company_key": link.company_key,
        "erp_entity": link.erp_entity,
        "erp_id": link.erp_id,
        "link_id": link.id,
    }


def _entry(
    world: World, scene: Scene, key: str, place: int, told: Mapping[str, Any], sent: Intent | None = None
) -> Entry:
    """A line of the journal. `sent`: a write of an earlier run that has turned out to have happened, and is its own."""
    return Entry(
        **_about(scene, place),
        at=sent.sent_at or sent.created_at if sent is not None else world.now(),
        kind=KINDS.get(str(told["reason"]), "update"),
        role=scene.group.link_at(place).role,
        reason=str(told["reason"]),
        run_id=sent.run_id if sent is not None else world.run_id,
        intent_id=sent.id if sent is not None else None,
        rule_version=scene.group.version,
        side=scene.records[place].side,
        field=key,
        old_value=told["old"],
        new_value=told["to"],
        source_side=told["source_side"],
        source_by=told["by"],
        source_at=moment_of(told["at"]),
    )


def _loser(world: World, scene: Scene, key: str, place: int, told: Mapping[str, Any]) -> Conflict:
    link = scene.group.link_at(place)
    agreed = scene.baselines.get(link.id)
    return loser_of(world, link, scene.group.rule, scene.records[place].side, key, told, agreed)


def _unseen(
    world: World, scene: Scene, place: int, path: str, value: Scalar, by: str | None, at: datetime | None
) -> Conflict:
    """A person's edit that our write has overwritten in the one call that the system does not protect."""
    side = scene.records[place].side
    one = scene.group.rule.field(path)
    told = {
        "old": str(value or ""),
        "source": "",
        "source_side": "crm" if side == "erp" else "erp",
        "by": None,
        "at": None,
        "reason": "unseen",
        "loser_by": by,
        "loser_at": at.isoformat() if at else None,
    }
    return _loser(world, scene, one.key if one else path, place, told)


def _report_stuck(tx: Transaction, world: World, scene: Scene, stuck: Stuck) -> None:
    link, key = scene.group.links[0], stuck.field.key
    about = {**_about(scene, 1), "field": key}
    if stuck.decision.kind == "conflict":
        crm, erp = stuck.views[CRM], stuck.views[1]
        changed = next((place for place in range(2, len(stuck.views)) if stuck.views[place].changed), None)
        if changed is not None and not erp.changed:
            erp = stuck.views[changed]
        paths = (paths_of(stuck.field, "crm")[0], paths_of(stuck.field, "erp")[0])
        touches = [scene.records[CRM].touch_of(paths[0]), scene.records[1].touch_of(paths[1])]
        values: dict[str, Any] = {name: about[name] for name in about if name != "field"}
        conflicts.record(
            tx,
            Conflict(
                **values,
                role=link.role,
                field=key,
                policy=stuck.field.conflict,
                baseline_crm=crm.before.text if crm.before else None,
                baseline_erp=erp.before.text if erp.before else None,
                crm_value=crm.now.text,
                erp_value=erp.now.text,
                crm_by=touches[0].by,
                crm_at=touches[0].at,
                erp_by=touches[1].by,
                erp_at=touches[1].at,
                found_at=world.now(),
                rule_version=scene.group.version,
                run_id=world.run_id,
            ),
        )
        issues.report(
            tx,
            fingerprint=f"field:{link.id}:{key}",
            kind="conflict",
            severity="warning",
            cause=_differ(stuck),
            remedy="Choose which value is right; until then both stay as they are.",
            now=world.now(),
            run_id=world.run_id,
            **about,
        )
        return
    problem = stuck.problem
    issues.report(
        tx,
        fingerprint=f"field:{link.id}:{key}",
        kind=problem.kind if problem else stuck.decision.reason,
        cause=f"{stuck.field.name}: {problem.cause}" if problem else f"{stuck.field.name} cannot be written.",
        remedy=problem.remedy if problem else "Look at the record in both systems.",
        now=world.now(),
        run_id=world.run_id,
        **about,
    )


def _differ(stuck: Stuck) -> str:
    if all(view.before is None for view in stuck.views):
        return f"{stuck.field.name} differs between the two systems since before they were linked."
    return f"Both systems changed {stuck.field.name} to different values."


def number_issue(link: Link, key: str) -> str:
    """What the note is known by that another record of the CRM has a link's number."""
    return f"number:{link.id}:{key}"


def _report_withheld(tx: Transaction, world: World, scene: Scene, one: FieldWrite, holder: int) -> None:
    link, entity = scene.group.link_at(one.place), scene.records[CRM].entity
    issues.report(
        tx,
        fingerprint=number_issue(link, one.field.key),
        kind="number_taken",
        severity="info",
        cause=f"{one.sent.text} is the number of another record of the CRM ({entity} {holder}), and it keeps these "
        "numbers unique. All else is kept in step, and the ERP tab shows the number.",
        remedy="To have the number in the CRM too, name another field for it in the rule, such as a user-defined one.",
        now=world.now(),
        run_id=world.run_id,
        **{**_about(scene, one.place), "field": one.field.key},
    )


def _report_stray(tx: Transaction, world: World, scene: Scene, place: int, path: str) -> None:
    issues.report(
        tx,
        fingerprint=f"stray:{scene.group.company_key}:{scene.records[place].entity}:{path}",
        kind="stray_write",
        cause=f"A write to {scene.records[place].entity} changed {path} too, which was not sent.",
        remedy="The value was put back, and whole objects are sent from now on; tell the ERP's vendor.",
        now=world.now(),
        run_id=world.run_id,
        **{**_about(scene, place), "field": path},
    )


def _report_lost(tx: Transaction, world: World, scene: Scene, one: FieldWrite) -> None:
    link = scene.group.link_at(one.place)
    system = "CRM" if one.place == CRM else "ERP"
    issues.report(
        tx,
        fingerprint=f"field:{link.id}:{one.field.key}",
        kind="not_kept",
        cause=f"The {system} accepted {one.field.name}, but did not keep it whole.",
        remedy=f"Look at the field's limits in the {system}, and correct the value there by hand.",
        now=world.now(),
        run_id=world.run_id,
        **{**_about(scene, one.place), "field": one.field.key},
    )


def _solved(scene: Scene, found: Weighed, open_issues: set[str]) -> list[tuple[str, str]]:
    """Open issues of fields that are equal now, or that have just been decided."""
    done = {*found.equal, *(one.field.key for one in found.writes)} - {one.field.key for one in found.stuck}
    fingerprints = (
        (fingerprint, key)
        for link in scene.group.links
        for key in sorted(done)
        for fingerprint in (f"field:{link.id}:{key}", number_issue(link, key))
    )
    return [(fingerprint, key) for fingerprint, key in fingerprints if fingerprint in open_issues]


def _left_to_do(scene: Scene, found: Weighed, data: Mapping[str, Any], writes: Sequence[FieldWrite]) -> dict[str, Any]:
    """What a link remembers, without those of a person's choices and wishes that have been carried out.

    A wish is tried once; a choice stands until both sides are equal, and holds for no later edit. What a record was
    made of is the baseline until there is one.
    """
    done = {*found.equal, *(one.field.key for one in writes)} - {one.field.key for one in found.stuck}
    mine = {one.key for one in scene.group.fields}
    left = dict(data)
    for name, spent in (("choices", done), ("wishes", mine)):
        if left.get(name):
            left[name] = {key: said for key, said in left[name].items() if key not in spent}
            if not left[name]:
                del left[name]
    if "made_of" in left:
        left["made_of"] = [
            {key: values for key, values in sent.items() if key not in found.settled} for sent in left["made_of"]
        ]
        if not any(left["made_of"]):
            del left["made_of"]
    return left


def _finish_links(tx: Transaction, world: World, scene: Scene, said: Sequence[dict[str, Any]]) -> None:
    """Note when the link was last dealt with, its party's number, and what is left of a person's choices."""
    for place, (link, left) in enumerate(zip(scene.group.links, said, strict=True), start=1):
        data = {**left, "erp_relation": scene.records[place].relation}
        values: dict[str, Any] = {"synced_at": world.now()}
        if data != (link.data or {}):
            values["data"] = data
        if _org_number(scene, place) != link.org_number:
            values["org_number"] = _org_number(scene, place)
        links.change(tx, link.id, **values)


def _org_number(scene: Scene, place: int) -> str | None:
    return scene.records[place].identity.org_number or None
