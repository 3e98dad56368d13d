# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes wrong when talking to AWS, as one sentence and one hint."""

from __future__ import annotations

import contextlib
import re

# AnsibleAWSModule says that it is missing, better than we could.
with contextlib.suppress(ImportError):
    import botocore.exceptions as boto
    from botocore.parsers import ResponseParserError

from .._hosts.model import HostsError

THROTTLED = {
    "EC2ThrottledException", "RequestLimitExceeded", "SlowDown", "Throttling", "ThrottlingException",
    "ThrottledException", "TooManyRequestsException", "RequestThrottled", "RequestThrottledException",
    "PriorRequestNotComplete", "ProvisionedThroughputExceededException",
}  # fmt: skip
CAPACITY = {
    "InsufficientInstanceCapacity", "InsufficientHostCapacity", "InsufficientReservedInstanceCapacity",
    "InsufficientCapacity", "Unsupported",
}  # fmt: skip
# Only for hosts at a spot price: another way to buy them may work.
SPOT = {"MaxSpotInstanceCountExceeded", "SpotMaxPriceTooLow", "InvalidSpotInstanceRequestID", "BidEvaluationError"}
_CREDENTIALS = {
    "AuthFailure", "InvalidClientTokenId", "UnrecognizedClientException", "SignatureDoesNotMatch", "ExpiredToken",
    "ExpiredTokenException", "RequestExpired", "InvalidAccessKeyId", "OptInRequired", "PendingVerification", "Blocked",
}  # fmt: skip
_DENIED = {"UnauthorizedOperation", "AccessDenied", "AccessDeniedException"}
_QUOTA = re.compile(r"LimitExceeded$|^MaxIOPSLimitExceeded$|QuotaExceeded$|^AddressLimitExceeded$")

_HINTS = (
    (_CREDENTIALS, "check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN; may the account use EC2?"),
    (_DENIED, "let the account's administrator allow it; docs/clouds/aws.md lists what is needed."),
    (CAPACITY, "run again later, or choose another instance_type or availability_zone."),
    (SPOT, "run again later, or leave out the wish for spot prices."),
    (THROTTLED, "the account makes too many calls at the moment; run again in a minute, it goes on where it stopped."),
)  # fmt: skip


class RefusedError(HostsError):
    """AWS answered with an error; `code` is its code."""

    def __init__(self, code: str, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.code = code


def code_of(error: BaseException) -> str:
    """Return the code of an error that AWS answered with, "" for other errors."""
    if isinstance(error, RefusedError):
        return error.code
    response = getattr(error, "response", None)
    return str(response.get("Error", {}).get("Code", "")) if isinstance(response, dict) else ""


def is_of_aws(error: BaseException) -> bool:
    """Tell whether an exception comes from the client library; others are defects of ours."""
    return isinstance(error, (boto.BotoCoreError, boto.ClientError, ResponseParserError))


def is_throttled(error: BaseException) -> bool:
    """Tell whether AWS did nothing because too many calls were made."""
    return code_of(error) in THROTTLED


def is_unclear(error: BaseException) -> bool:
    """Tell whether the call may have been carried out: no answer came, or one of a broken server."""
    if code_of(error) in CAPACITY | SPOT:  # a clear no, although its HTTP status is 500
        return False
    if isinstance(error, boto.ClientError):
        return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)) >= 500
    return isinstance(error, (boto.HTTPClientError, boto.ConnectionError, ResponseParserError))


def explain(error: Exception, action: str) -> HostsError:
    """Return the error as one sentence with a hint; `action` is the name of the API call."""
    if isinstance(error, HostsError):
        return error
    if isinstance(error, (boto.NoCredentialsError, boto.PartialCredentialsError)):
        return HostsError(
            "There are no credentials for AWS.",
            "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, in the environment.",
        )
    if isinstance(error, boto.NoRegionError):
        return HostsError("There is no AWS region.", "set AWS_REGION in the environment, e.g. AWS_REGION=eu-west-1.")
    if isinstance(error, boto.ClientError):
        return _refused(error, action)
    if isinstance(error, ResponseParserError):
        return HostsError(f"AWS gives no answer that can be read to the call {action}.", "run again later.")
    if isinstance(error, (boto.HTTPClientError, boto.ConnectionError)):
        return HostsError(
            f"AWS does not answer the call {action}: {_short(str(error))}.",
            "check the network and AWS_REGION; run again, it goes on where it stopped.",
        )
    return HostsError(f"The AWS call {action} failed: {_short(str(error))}.")


def _refused(error: boto.ClientError, action: str) -> HostsError:
    code = code_of(error)
    message = _short(str(error.response.get("Error", {}).get("Message", "")))
    hint = next((text for codes, text in _HINTS if code in codes), "")
    if not hint and _QUOTA.search(code):
        hint = "ask AWS for a higher quota (console, Service Quotas), or make the infrastructure smaller."
    if not hint and is_unclear(error):
        hint = "AWS has a problem of its own at the moment; run again, it goes on where it stopped."
    if code in _DENIED:
        message = message.partition(" Encoded authorization failure message")[0].rstrip(". ")
    return RefusedError(code, f"AWS refused {action} ({code}): {message}.", hint)


def _short(text: str) -> str:
    return " ".join(text.split()).rstrip(".")[:400]
