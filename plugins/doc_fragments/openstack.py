# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options that say which site of OpenStack is meant, and who asks."""

from __future__ import annotations


class ModuleDocFragment:
    """Authorization, by the names that the modules of openstack.cloud have for it."""

    DOCUMENTATION = r"""
options:
  cloud:
    description:
      - Name of a cloud in C(clouds.yaml). By default E(OS_CLOUD), or the only cloud that there is.
    type: str
  auth:
    description:
      - What the kind of authorization needs, as in C(clouds.yaml), for example C(auth_url), C(username), C(password)
        and C(project_name).
    type: dict
  auth_type:
    description:
      - The kind of authorization, for example V(password), V(v3applicationcredential) or V(v3oidcaccesstoken).
    type: str
  region_name:
    description:
      - Name of the region.
    type: str
  validate_certs:
    description:
      - Whether the certificate of the site is checked. It is by default.
    type: bool
    aliases: [verify]
  ca_cert:
    description:
      - File with the certificates of authorities that the site's own is signed by.
    type: path
    aliases: [cacert]
  client_cert:
    description:
      - File with a certificate to log in with.
    type: path
    aliases: [cert]
  client_key:
    description:
      - File with the key of O(client_cert).
    type: path
    aliases: [key]
  interface:
    description:
      - Which addresses of the services are used. Public ones by default.
    type: str
    choices: [public, internal, admin]
    aliases: [endpoint_type]
  access_token_file:
    description:
      - File with an access token, for V(v3oidcaccesstoken). It is read again when the site does not accept the token
        any more, so that something else may renew it during a long run.
      - By default E(BEARER_TOKEN_FILE) or the file that EGI's notebooks have; then E(OS_ACCESS_TOKEN),
        E(OIDC_ACCESS_TOKEN) and E(EGI_ACCESS_TOKEN).
    type: path
requirements:
  - openstacksdk >= 1.0.0, < 4.15.0
notes:
  - Credentials come from the options, from C(clouds.yaml) (E(OS_CLIENT_CONFIG_FILE)) or from the variables C(OS_*).
"""
