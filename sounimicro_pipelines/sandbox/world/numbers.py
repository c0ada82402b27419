"""Norwegian numbers that are right by their rules though they belong to nobody: organisation numbers, KID, phones."""

from __future__ import annotations

import random

_WEIGHTS = (3, 2, 7, 6, 5, 4, 3, 2)


def org_check_digit(first_eight: str) -> int | None:
    """The mod-11 check digit of an organisation number, or None when these eight digits can have none."""
    remainder = sum(int(digit) * weight for digit, weight in zip(first_eight, _WEIGHTS, strict=True)) % 11
    if remainder == 0:
        return 0
    return None if remainder == 1 else 11 - remainder


def is_org_number(number: str) -> bool:
    """Whether nine digits form a valid organisation number."""
    return len(number) == 9 and number.isdigit() and org_check_digit(number[:8]) == int(number[8])


def new_org_number(rng: random.Random, taken: set[str]) -> str:
    """An organisation number that is valid and not in `taken`, to which it is added."""
    while True:
        eight = f"{rng.choice('89')}{rng.randrange(10**7):07d}"
        digit = org_check_digit(eight)
        if digit is not None and f"{eight}{digit}" not in taken:
            taken.add(f"{eight}{digit}")
            return f"{eight}{digit}"


def kid(digits: str) -> str:
    """A payment id (KID): the digits and their mod-10 (Luhn) check digit."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return f"{digits}{(10 - total % 10) % 10}"


def mobile(rng: random.Random) -> str:
    """Eight digits of a mobile number."""
    return f"{rng.choice(('90', '91', '92', '93', '95', '97', '98', '41', '45', '46', '47'))}{rng.randrange(10**6):06d}"


def landline(rng: random.Random, prefix: str) -> str:
    """Eight digits of a fixed-line number in the area of `prefix`."""
    return f"{prefix}{rng.randrange(10**6):06d}"
