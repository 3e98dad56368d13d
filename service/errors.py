# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors of the service, as a client sees them.

    ServiceError
      BadRequest 400, Unauthorized 401, Forbidden 403, NotFound 404, Conflict 409,
      UnsupportedMedia 415, Unprocessable 422

`reason` is one sentence. A route may put its own words before it.
"""

from __future__ import annotations


class ServiceError(Exception):
    """A request cannot be served; `status` is the HTTP status, `reason` one sentence for the user."""

    default_status = 500

    def __init__(self, reason: str, status: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = self.default_status if status is None else status


class BadRequest(ServiceError):  # noqa: N818 (names of HTTP)
    """The request makes no sense."""

    default_status = 400


class Unauthorized(ServiceError):  # noqa: N818
    """It is not known who asks."""

    default_status = 401


class Forbidden(ServiceError):  # noqa: N818
    """The one who asks may not do this."""

    default_status = 403


class NotFound(ServiceError):  # noqa: N818
    """There is no such thing."""

    default_status = 404


class Conflict(ServiceError):  # noqa: N818
    """It does not fit the present state."""

    default_status = 409


class UnsupportedMedia(ServiceError):  # noqa: N818
    """The body or the answer is of a type that is not served."""

    default_status = 415


class Unprocessable(ServiceError):  # noqa: N818
    """The body is well formed, but cannot be carried out."""

    default_status = 422


class TooMany(ServiceError):  # noqa: N818
    """Somebody asks too often; after `seconds` he may again."""

    default_status = 429

    def __init__(self, reason: str, seconds: int) -> None:
        super().__init__(reason)
        self.seconds = seconds
