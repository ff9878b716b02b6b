# SPDX-License-Identifier: AGPL-3.0-or-later
# shellcheck shell=bash
# Nothing: a machine that gets here runs under this accelerator.
:
