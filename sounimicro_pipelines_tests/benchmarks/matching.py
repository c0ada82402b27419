"""Matching on registers of which we know who is who: how sure it is, and what it costs against comparing them all."""

from __future__ import annotations

from collections.abc import Sequence

from sounimicro_pipelines.rules.model import MatchStep
from sounimicro_pipelines.sync.match import Register, compare, pair_up, suggest
from sounimicro_pipelines_tests.benchmarks.harness import (
    Comparison,
    Figures,
    Scale,
    bench,
    in_process,
    measured,
    shares,
)
from sounimicro_pipelines_tests.benchmarks.harness import compare as against
from sounimicro_pipelines_tests.sync.truth import make_truth

STEPS = tuple(MatchStep(by=by) for by in ("org_number", "erp_number", "name_and_postcode", "email_domain", "phone"))
CRM, ERP = 3000, 2500
SEEDS = (1, 2, 3)
PRECISION, IN_TOP_THREE = 0.999, 0.99
SAMPLE = 20
"""Records that the slow side compares with every record of the other system."""


@bench("matching")
def matching(scale: Scale) -> Sequence[Comparison]:
    seeds = SEEDS[:1] if scale == "small" else SEEDS
    return [
        *(shares(name, found, floor) for name, found, floor in _quality(seeds)),
        against(
            "matching: one record against a register",
            ours=lambda: in_process(f"{__name__}:by_index"),
            theirs=lambda: in_process(f"{__name__}:by_all"),
            measure="cpu_seconds",
            floor=3,
            aim=10,
            rounds=1 if scale == "small" else 3,
            same_result=False,
            note=f"suggestions among {ERP:,} by the index ÷ comparing with each of them",
        ),
    ]


def _quality(seeds: Sequence[int]) -> list[tuple[str, list[float], float]]:
    precision, agreeing, top, recall = [], [], [], []
    for seed in seeds:
        truth = make_truth(seed, CRM, ERP)
        crm, erp = Register(truth.crm), Register(truth.erp)
        matched = pair_up(crm, erp, STEPS).matched
        by_crm, by_erp = {one.id: one for one in truth.crm}, {one.id: one for one in truth.erp}
        right = [truth.pairs.get(crm_id) == erp_id for crm_id, erp_id, _ in matched]
        precision.append(sum(right) / len(right))
        recall.append(sum(right) / len(truth.pairs))
        numbers = [(by_crm[one].org_number, by_erp[other].org_number) for one, other, _ in matched]
        agreeing.append(sum(not (a and b and a != b) for a, b in numbers) / len(numbers))
        shown = [
            erp_id in [one.id for one in suggest(by_crm[crm_id], erp, STEPS, 3)]
            for crm_id, erp_id in truth.pairs.items()
        ]
        top.append(sum(shown) / len(shown))
    return [
        ("matching: automatic links that are right", precision, PRECISION),
        ("matching: automatic links whose organisation numbers do not disagree", agreeing, 1.0),
        ("matching: true pairs among the first three suggestions", top, IN_TOP_THREE),
        ("matching: true pairs that link by themselves", recall, 0.8),
    ]


def by_index() -> Figures:
    truth = make_truth(1, CRM, ERP)
    register = Register(truth.erp)
    register.near(truth.crm[0])
    chosen = truth.crm[: SAMPLE * 20]
    return measured(lambda: (len(chosen), str(sum(len(suggest(one, register, STEPS)) for one in chosen))))


def by_all() -> Figures:
    truth = make_truth(1, CRM, ERP)

    def work() -> tuple[int, str]:
        found = [max(compare(one, other, STEPS).score for other in truth.erp) for one in truth.crm[:SAMPLE]]
        return SAMPLE, f"{sum(found):.3f}"

    return measured(work)
