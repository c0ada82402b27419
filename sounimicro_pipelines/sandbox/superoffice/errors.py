"""How the simulated API refuses: one exception that carries the vendor's status and error document (section 1.7)."""

from __future__ import annotations

from typing import Any


class ApiError(Exception):
    """An answer that is not what was asked for."""

    def __init__(self, status: int, message: str, kind: str = "SoException", source: str = "SuperOffice.CRM") -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.kind = kind
        self.source = source

    def document(self) -> dict[str, Any]:
        return {"Error": True, "ErrorType": self.kind, "ErrorMessage": self.message, "ErrorSource": self.source}


def not_found(what: str) -> ApiError:
    return ApiError(404, f"Unable to find {what}", "SoNotFoundException")


def bad_request(message: str) -> ApiError:
    return ApiError(400, message, "SoArgumentException")


def access_denied(message: str = "You are not allowed to do this") -> ApiError:
    return ApiError(403, message, "SoSentryException")


def precondition_failed() -> ApiError:
    return ApiError(412, "The entity has been modified since the date given", "SoPreconditionFailedException")


def test_failed(path: str) -> ApiError:
    return ApiError(409, f"The test operation on '{path}' failed", "SoConflictException")
