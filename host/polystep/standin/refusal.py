"""Refusals of the stand-in, in the form of the API."""

from __future__ import annotations

from polystep.contracts.values import JSONObject


class ModelRefused(Exception):
    """Request that the API would refuse, with the parameter at fault."""

    def __init__(self, message: str, param: str | None = None, status: int = 400, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.status = status
        self.code = code

    def to_json(self) -> JSONObject:
        """Shape: `{error: {message, type, param, code}}`."""
        error: JSONObject = {
            "message": self.message,
            "type": "invalid_request_error",
            "param": self.param,
            "code": self.code,
        }
        return {"error": error}
