# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the map of addresses does not tell about the endpoints: parameters, bodies and answers."""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]
Query = tuple[Schema, str]
_TEXT: Schema = {"type": "string"}
_FLAG: Schema = {"type": "boolean", "default": False}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_YAML_OR_RADL: dict[str, Schema] = {"text/yaml": _TEXT, "text/plain": _TEXT, "application/json": {}}
_URIS: dict[str, Schema] = {"text/uri-list": _TEXT, "application/json": {"type": "object"}}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


SCHEMAS: dict[str, Schema] = {
    "Error": {"type": "object", "properties": {"message": _TEXT, "code": {"type": "integer"}}},
    "Deploy": {
        "type": "object",
        "required": ["template"],
        "additionalProperties": False,
        "properties": {
            "template": {**_TEXT, "description": "A name of the catalogue, or the text of a TOSCA template."},
            "inputs": {"type": "object", "description": "Values of the inputs of the template, by name."},
            "cloud": {**_TEXT, "description": "Id or type of a record of the header, or the name of a cloud."},
            "name": {**_TEXT, "description": "What people call the infrastructure.", "maxLength": 200},
        },
    },
    "Accepted": {
        "type": "object",
        "properties": {
            "id": {**_TEXT, "description": "Id of the infrastructure."},
            "name": _TEXT,
            "links": {"type": "object", "additionalProperties": {"type": "string", "format": "uri"}},
        },
    },
    "Template": {
        "type": "object",
        "properties": {
            "name": _TEXT,
            "title": _TEXT,
            "description": _TEXT,
            "link": _TEXT,
            "metadata": {"type": "object"},
            "inputs": {"type": "array", "items": _ref("Input")},
        },
    },
    "Input": {
        "type": "object",
        "properties": {
            "name": _TEXT,
            "type": {**_TEXT, "description": "A type of TOSCA."},
            "description": _TEXT,
            "default": {},
            "required": {"type": "boolean"},
            "constraints": {"type": "array"},
        },
    },
    "Event": {
        "type": "object",
        "properties": {
            "id": {**_COUNT, "description": "Grows. A stream goes on after it."},
            "at": {"type": "string", "format": "date-time"},
            "operation": {"type": ["integer", "null"]},
            "phase": _TEXT,
            "host": _TEXT,
            "task": _TEXT,
            "status": {"enum": ["ok", "changed", "failed", "skipped", "unreachable", "info"]},
            "seconds": {"type": "number"},
            "message": _TEXT,
        },
    },
    "Events": {
        "type": "object",
        "properties": {
            "events": {"type": "array", "items": _ref("Event")},
            "last": {**_COUNT, "description": "Ask for what comes after it."},
            "operation": {"type": ["object", "null"]},
            "idle": {"type": "boolean", "description": "Nothing is left to be done."},
            "gone": {"type": "boolean", "description": "The infrastructure is deleted."},
        },
    },
}

PARAMETERS: dict[str, Query] = {
    "key": (_TEXT, "Id of the infrastructure."),
    "vm": (_TEXT, "Number of the host."),
    "disk": (_TEXT, "Number of the disk."),
    "prop": (_TEXT, "Name of the property."),
    "op": (_TEXT, "What to do."),
    "cloud": (_TEXT, "Id of the record of the cloud."),
    "param": (_TEXT, "What to tell about the cloud."),
    "name": (_TEXT, "Name."),
}

_CONTEXT: Query = ({"type": "boolean", "default": True}, "Configure the hosts.")
QUERIES: dict[str, dict[str, Query]] = {
    "infrastructures.list_infrastructures": {"filter": (_TEXT, "Regular expression on names and templates.")},
    "infrastructures.create_infrastructure": {
        "async": (_FLAG, "Answer at once."),
        "dry_run": (_FLAG, "Make nothing, tell what it would take."),
        "context": _CONTEXT,
    },
    "infrastructures.add_resources": {"context": _CONTEXT},
    "vms.remove_vms": {"context": _CONTEXT},
    "infrastructures.destroy_infrastructure": {
        "force": (_FLAG, "Forget it even if the cloud cannot be asked."),
        "async": (_FLAG, "Answer at once."),
    },
    "infrastructures.infrastructure_property": {
        "headeronly": (_FLAG, "Only the beginning of the log."),
        "delete": (_FLAG, "Give the infrastructure away with its data."),
    },
    "infrastructures.change_authorization": {"overwrite": (_FLAG, "Make it the only owner.")},
    "infrastructures.reconfigure_infrastructure": {
        "vm_list": (_TEXT, "Numbers of the hosts to configure, with commas; all by default.")
    },
    "version.stats": {
        "init_date": ({"type": "string", "format": "date"}, "First day."),
        "end_date": ({"type": "string", "format": "date"}, "Last day."),
    },
    "native.destroy": {"force": (_FLAG, "Forget it even if the cloud cannot be asked.")},
    "native.events": {
        "after": (_COUNT, "Go on after this id; the header Last-Event-ID wins."),
        "until": ({"enum": ["idle"]}, "End the stream when nothing is left to be done."),
        "limit": ({"type": "integer", "minimum": 1, "maximum": 1000}, "Most events of an answer in JSON."),
    },
}

BODIES: dict[str, dict[str, Schema]] = {
    "infrastructures.create_infrastructure": _YAML_OR_RADL,
    "infrastructures.add_resources": _YAML_OR_RADL,
    "infrastructures.import_infrastructure": {"application/json": {}},
    "infrastructures.change_authorization": {"application/json": {}},
    "infrastructures.reconfigure_infrastructure": _YAML_OR_RADL,
    "vms.alter_vm": _YAML_OR_RADL,
    "native.deploy": {"application/json": _ref("Deploy")},
}

RESPONSES: dict[str, dict[str, tuple[str, dict[str, Schema]]]] = {
    "infrastructures.list_infrastructures": {"200": ("Their addresses.", _URIS)},
    "infrastructures.create_infrastructure": {"200": ("Its address.", _URIS)},
    "infrastructures.infrastructure_info": {"200": ("The addresses of its hosts.", _URIS)},
    "native.deploy": {"202": ("It is being made.", {"application/json": _ref("Accepted")})},
    "native.destroy": {"202": ("It is being destroyed.", {"application/json": _ref("Accepted")})},
    "native.catalogue": {
        "200": (
            "The templates.",
            {
                "application/json": {
                    "type": "object",
                    "properties": {"templates": {"type": "array", "items": _ref("Template")}},
                }
            },
        )
    },
    "native.template": {"200": ("The template.", {"text/yaml": _TEXT, "application/json": _ref("Template")})},
    "native.events": {"200": ("The events.", {"text/event-stream": {}, "application/json": _ref("Events")})},
    "native.graph": {"200": ("The picture.", {"image/svg+xml": _TEXT})},
    "health.metrics": {"200": ("The figures.", {"text/plain": _TEXT})},
    "health.readyz": {"200": ("It is ready.", {}), "503": ("It is not ready; the reasons are in it.", {})},
    "openapi.page": {"200": ("A page.", {"text/html": _TEXT})},
}
