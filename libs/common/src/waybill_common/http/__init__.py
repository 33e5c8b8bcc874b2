"""The HTTP side of a service: guarded blueprints, declared operations, problems, pages and the web process."""

from waybill_common.http.access import (
    CLIENT,
    PERSON,
    PUBLIC,
    Access,
    GuardedBlueprint,
    access_of,
    current_caller,
    service,
    staff,
)
from waybill_common.http.answers import (
    content_answer,
    empty_answer,
    json_answer,
    send_answer,
    version_etag,
    versioned_answer,
)
from waybill_common.http.app import ServiceParts, create_service_app
from waybill_common.http.conditions import IfMatch, require_if_match
from waybill_common.http.failures import DomainErrors, render_problem
from waybill_common.http.openapi import openapi_document
from waybill_common.http.operation import operation
from waybill_common.http.pages import decode_cursor, encode_cursor, page_answer
from waybill_common.http.wsgi import with_internal_port

__all__ = [
    "CLIENT",
    "PERSON",
    "PUBLIC",
    "Access",
    "DomainErrors",
    "GuardedBlueprint",
    "IfMatch",
    "ServiceParts",
    "access_of",
    "content_answer",
    "create_service_app",
    "current_caller",
    "decode_cursor",
    "empty_answer",
    "encode_cursor",
    "json_answer",
    "openapi_document",
    "operation",
    "page_answer",
    "render_problem",
    "require_if_match",
    "send_answer",
    "service",
    "staff",
    "version_etag",
    "versioned_answer",
    "with_internal_port",
]
