#!/usr/bin/python
# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Functions on AWS Lambda."""

from __future__ import annotations

DOCUMENTATION = r"""
module: lambda_functions
short_description: Manage the functions of an infrastructure on AWS Lambda
description:
  - Converges all functions of an infrastructure with their roles, log groups, triggers and URLs in one call.
  - What exists is found by tags, so there is no state to keep or to lose.
  - What Lambda would refuse (memory, timeout, names) is refused before anything is made.
options:
  infrastructure:
    description:
      - Name of the infrastructure, the tag of all that belongs to it.
    type: str
    required: true
  state:
    description:
      - With V(present) the functions are as O(functions) wants them. Other functions of the infrastructure are removed.
      - With V(absent) everything of the infrastructure is removed. A bucket that is not empty stays, and the module
        fails and names it.
    type: str
    choices: [present, absent]
    default: present
  functions:
    description:
      - The functions.
    type: list
    elements: dict
    default: []
    suboptions:
      node:
        description: Name of the node template.
        type: str
        required: true
      name:
        description: Name of the function. By default the names of the infrastructure and of the node.
        type: str
        default: ""
      runtime:
        description: Runtime of the code, such as V(python3.13).
        type: str
        default: ""
      handler:
        description: What is called, such as V(index.handler).
        type: str
        default: ""
      code:
        description:
          - A zip file, or a folder that is packed. The same content always gives the same zip file.
          - A path below O(functions[].code_root). Symbolic links are refused.
        type: str
        default: ""
      code_root:
        description: Folder of the template.
        type: str
        default: ""
      image:
        description: Container image in ECR, instead of O(functions[].code).
        type: str
        default: ""
      role:
        description:
          - ARN of the role of the function.
          - By default a role is made that may write the log of the function, read what calls it, and write to
            O(functions[].writes).
        type: str
        default: ""
      memory_size:
        description: Memory in MiB.
        type: int
        default: 128
      timeout:
        description: How many seconds a call may take.
        type: int
        default: 60
      environment:
        description: Environment variables.
        type: dict
        default: {}
      secret_environment:
        description: Environment variables that are not shown.
        type: dict
        default: {}
      architecture:
        description: V(x86_64) or V(arm64).
        type: str
        default: x86_64
      log_retention:
        description: How many days logs are kept. V(0) keeps them for ever.
        type: int
        default: 30
      triggers:
        description: Events of buckets that call the function. What others configured on the bucket stays.
        type: list
        elements: dict
        default: []
        suboptions:
          bucket:
            description: Name of the bucket. It is made when it is not there. By default a name is made up.
            type: str
            default: ""
          prefix:
            description: How the names of the objects begin.
            type: str
            default: ""
          suffix:
            description: How the names of the objects end.
            type: str
            default: ""
          events:
            description: Events of S3.
            type: list
            elements: str
            default: ["s3:ObjectCreated:*"]
      writes:
        description: Where the role that is made may write to.
        type: list
        elements: dict
        default: []
        suboptions:
          bucket:
            description: Name of a bucket.
            type: str
            required: true
          prefix:
            description: How the names of the objects begin.
            type: str
            default: ""
      url:
        description:
          - Whether the function has a URL. V(iam) wants signed requests, V(public) lets everybody call it.
        type: str
        choices: [none, iam, public]
        default: none
  timeout:
    description:
      - How many seconds to wait until a function is ready.
    type: int
    default: 300
extends_documentation_fragment:
  - continuum.im.attributes
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
seealso:
  - module: continuum.im.lambda_functions_info
author:
  - continuum.im authors (@continuum-im)
"""

EXAMPLES = r"""
- name: Make a function that uploads to a bucket call
  continuum.im.lambda_functions:
    infrastructure: thumbs
    functions:
      - node: thumb
        runtime: python3.13
        handler: index.handler
        code: function
        code_root: "{{ playbook_dir }}"
        memory_size: 512
        triggers:
          - prefix: in/

- name: Show where it is
  ansible.builtin.debug:
    var: ansible_facts.im_deployed_functions

- name: Remove all of it
  continuum.im.lambda_functions:
    infrastructure: thumbs
    state: absent
"""

RETURN = r"""
created:
  description: What was made.
  returned: success
  type: list
  elements: str
updated:
  description: What was there and was changed.
  returned: success
  type: list
  elements: str
deleted:
  description: What was removed.
  returned: success
  type: list
  elements: str
left:
  description:
    - What is left after O(state=absent), with the reason.
    - Always empty on success, since the module fails otherwise.
  returned: always
  type: list
  elements: str
ansible_facts:
  description: The functions.
  returned: success
  type: dict
  contains:
    im_deployed_functions:
      description:
        - The functions by name, each with C(node), C(name), C(arn), C(url), C(bucket), C(buckets), C(role),
          C(log_group), C(memory), C(timeout) and C(state).
        - In check mode also those that would be made, with state C(planned).
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
"""

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.continuum.im.plugins.module_utils._hosts.model import HostsError
from ansible_collections.continuum.im.plugins.module_utils._lambda.api import Api, api_of
from ansible_collections.continuum.im.plugins.module_utils._lambda.converge import Outcome, absent, present
from ansible_collections.continuum.im.plugins.module_utils._lambda.options import (
    check_name,
    functions_argument_spec,
)


def converge(module: AnsibleAWSModule, api: Api) -> Outcome:
    """Do what the options ask for. Raises HostsError."""
    infrastructure = check_name(module.params["infrastructure"])
    if module.params["state"] == "absent":
        return absent(api, infrastructure, module.check_mode)
    options, timeout = module.params["functions"], float(module.params["timeout"])
    return present(api, infrastructure, options, timeout, module.check_mode)


def main() -> None:
    """Run the module."""
    module = AnsibleAWSModule(argument_spec=functions_argument_spec(), supports_check_mode=True)
    api = api_of(module)
    try:
        outcome = converge(module, api)
    except HostsError as error:
        module.fail_json(msg=str(error), left=[])
    for warning in outcome.warnings:
        module.warn(warning)
    if outcome.left:
        count = len(outcome.left)
        message = f"{count} thing{' is' if count == 1 else 's are'} left: {'; '.join(outcome.left)}."
        hint = "Hint: empty buckets, see to the reasons, and destroy again."
        module.fail_json(msg=f"{message} {hint}", **outcome.as_result())
    module.exit_json(**outcome.as_result())


if __name__ == "__main__":
    main()
