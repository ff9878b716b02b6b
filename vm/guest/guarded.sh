# SPDX-License-Identifier: AGPL-3.0-or-later
# shellcheck shell=bash
# shellcheck source=vm/guest/lib.sh
. /guest/lib.sh
program wire bash /guest/wire.sh
