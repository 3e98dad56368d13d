#!/usr/bin/python
# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an infrastructure has on AWS Lambda."""

from __future__ import annotations

DOCUMENTATION = r"""
module: lambda_functions_info
short_description: List the functions of an infrastructure on AWS Lambda
description:
  - Lists by tags, changes nothing.
options:
  infrastructure:
    description:
      - Name of the infrastructure.
    type: str
    required: true
extends_documentation_fragment:
  - continuum.im.attributes.info
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
seealso:
  - module: continuum.im.lambda_functions
author:
  - continuum.im authors (@continuum-im)
"""

EXAMPLES = r"""
- name: List the functions of an infrastructure
  continuum.im.lambda_functions_info:
    infrastructure: thumbs
"""

RETURN = r"""
ansible_facts:
  description: The functions.
  returned: success
  type: dict
  contains:
    im_deployed_functions:
      description: The functions by name, as M(continuum.im.lambda_functions) returns them.
      type: list
      elements: dict
    im_instances:
      description: Always empty; there are no hosts.
      type: list
      elements: dict
    im_surplus:
      description: Always empty; there are no hosts.
      type: list
      elements: dict
resources:
  description: Everything that belongs to the infrastructure, as words.
  returned: success
  type: list
  elements: str
"""

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.continuum.im.plugins.module_utils._hosts.model import HostsError
from ansible_collections.continuum.im.plugins.module_utils._lambda.api import api_of
from ansible_collections.continuum.im.plugins.module_utils._lambda.converge import info
from ansible_collections.continuum.im.plugins.module_utils._lambda.options import check_name
from ansible_collections.continuum.im.plugins.module_utils._lambda.plan import title


def main() -> None:
    """Run the module."""
    spec = {"infrastructure": {"type": "str", "required": True}}
    module = AnsibleAWSModule(argument_spec=spec, supports_check_mode=True)
    api = api_of(module)
    try:
        outcome = info(api, check_name(module.params["infrastructure"]))
    except HostsError as error:
        module.fail_json(msg=str(error))
    resources = [title(key) for key in sorted(outcome.observed.resources)]
    facts = outcome.as_result()["ansible_facts"]
    module.exit_json(changed=False, ansible_facts=facts, resources=resources)


if __name__ == "__main__":
    main()
