"""Which status moves are legal: per entity, action name → (statuses it may start from, status it leads to)."""

from __future__ import annotations

TRANSITIONS: dict[str, dict[str, tuple[frozenset[int | None], int]]] = {
    "CustomerQuote": {
        "register": (frozenset({40101}), 40102),
        "shipToCustomer": (frozenset({40102}), 40103),
        "customerAccept": (frozenset({40102, 40103}), 40104),
        "toOrder": (frozenset({40102, 40103, 40104}), 40105),
        "toInvoice": (frozenset({40102, 40103, 40104}), 40106),
        "complete": (frozenset({40101, 40102, 40103, 40104}), 40107),
    },
    "CustomerOrder": {
        "register": (frozenset({41001}), 41002),
        "complete": (frozenset({41001, 41002, 41003}), 41005),
        "partlyTransferToInvoice": (frozenset({41002, 41003}), 41003),
        "transferToInvoice": (frozenset({41002, 41003}), 41004),
    },
    "CustomerOrderItem": {
        "register": (frozenset({41101}), 41102),
        "toInvoice": (frozenset({41102}), 41103),
        "complete": (frozenset({41101, 41102}), 41104),
    },
    "CustomerInvoice": {
        "invoice": (frozenset({42001}), 42002),
        "pay": (frozenset({42002, 42003}), 42004),
    },
    "Project": {
        "InitiateProject": (frozenset({42201}), 42202),
        "StartProject": (frozenset({42201, 42202}), 42203),
        "CompleteProject": (frozenset({42203}), 42204),
        "DiscardProject": (frozenset({42201, 42202, 42203}), 42205),
        "ReactivateProject": (frozenset({42204, 42205}), 42203),
    },
    "Budget": {
        "activate": (frozenset({47001}), 47002),
        "deactivate": (frozenset({47002}), 47001),
    },
}
"""Moves made by POST `{route}/{id}?action=`."""

REGISTER_MOVES: dict[str, dict[str, tuple[frozenset[int | None], int]]] = {
    "Customer": {
        "activate": (frozenset({None, 10001, 20001, 50001, 90001}), 30001),
        "deactivate": (frozenset({20001, 30001}), 50001),
        "block": (frozenset({20001, 30001, 50001}), 90001),
    },
    "Supplier": {
        "activate": (frozenset({None, 10001, 20001, 50001, 90001}), 30001),
        "deactivate": (frozenset({20001, 30001}), 50001),
        "block": (frozenset({20001, 30001, 50001}), 90001),
        "unblock": (frozenset({90001}), 30001),
        "delete": (frozenset({20001, 30001, 50001}), 90001),
    },
}
"""Moves made by PUT `{route}?action=…&id=`."""


def legal(entity: str, status: int | None) -> list[str]:
    """Names of the moves that are legal from a status."""
    moves = {**TRANSITIONS.get(entity, {}), **REGISTER_MOVES.get(entity, {})}
    return [name for name, (sources, _) in moves.items() if status in sources]
