#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# CrowdSec itself: Debian's package, unpacked and not installed, so that no service of it is started. Its
# local API runs on loopback in a folder of this test's own, without agent and without its central API; its
# own cscli makes and deletes decisions, and the gate follows. What a bad network does to it: 87-feeds.sh.
# shellcheck source=tests/tap.sh
. "$(dirname "$0")/../tap.sh"
# In the namespaces of the test there is no mirror: 32 MB are fetched before, and 110 MB unpacked. Who ends
# this script by TERM ends apt, or CrowdSec and all that is in the namespaces, which lib.sh's unshare would
# leave alone: each is a job with a process group of its own.
if [ "${E2E_INSIDE:-}" != yes ] && [ "$(id -u)" = 0 ] && [ -z "${CROWDSEC_TMP:-}" ]; then
	set -m
	CROWDSEC_TMP=$(mktemp -d)
	export CROWDSEC_TMP
	JOB=
	end_job() {
		[ -z "$JOB" ] || { kill -- "-$JOB" && wait "$JOB"; } 2>/dev/null
		rm -rf "$CROWDSEC_TMP"
	}
	trap end_job EXIT
	trap 'exit 143' TERM INT HUP
	"$TOP/tests/debs" "$O/crowdsec" crowdsec &
	JOB=$!
	wait "$JOB" || {
		JOB=
		skip_all "Debian's crowdsec cannot be fetched"
	}
	TMPDIR=$CROWDSEC_TMP setpriv --pdeathsig KILL bash "$0" "$@" &
	JOB=$!
	trap 'kill -KILL -- "-$JOB"; exit 143' TERM INT HUP
	wait "$JOB"
	status=$?
	JOB=
	exit "$status"
fi
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
net_up
BAD=10.66.0.66
C=$E2E_TMP/crowdsec
AT=127.0.0.1:8080
CONF=$E2E_TMP/strazh.conf

cscli() { timeout 60 "$O/crowdsec/usr/bin/cscli" -c "$C/config.yaml" "$@"; }
# decide ARGS...: of cscli decisions; what it says goes to a file
decide() { cscli decisions "$@" >"$C/said" 2>&1 || sed 's/^/# /' "$C/said"; }
answers() { curl -so "$C/curl" "http://$AT/v1/heartbeat"; }
lapi_up() {
	"$O/crowdsec/usr/bin/crowdsec" -c "$C/config.yaml" -no-cs >>"$C/log" 2>&1 &
	LAPI=$!
	wait_for 30 answers
}
lapi_down() {
	kill -KILL "$LAPI"
	wait "$LAPI" 2>/dev/null
}
feed() { ctl feeds --json 2>/dev/null | jq -r "select(.feed == \"crowdsec\") | .$1 // \"\""; }
feed_like() { feed "$1" | grep -qE -- "$2"; }
in_list() {
	ctl list deny --json 2>/dev/null |
		jq -es "any(.[]; .prefix == \"$1\" and (.lists | index(\"feed.crowdsec\")))" >/dev/null
}
not_in_list() { ! in_list "$1"; }
left_of() { ctl list deny --json 2>/dev/null | jq -r "select(.prefix == \"$1\") | .left_s"; }
# left_within ADDR LEAST MOST: seconds that its ban still lasts
left_within() {
	local left
	left=$(left_of "$1")
	[ -n "$left" ] && [ "$left" -gt "$2" ] && [ "$left" -le "$3" ]
}
# longest ADDR: the number of the decision about it that lasts longest
longest() {
	cscli decisions list --ip "$1" -o json 2>/dev/null |
		jq '[.[].decisions[] | select(.value == "'"$1"'")] | max_by(.id) | .id'
}

mkdir -p "$C"/{data,hub,notifications,plugins}
cat >"$C/config.yaml" <<-CONF
	common:
	  daemonize: false
	  log_media: stdout
	  log_level: info
	  working_dir: $C
	config_paths:
	  config_dir: $C
	  data_dir: $C/data
	  simulation_path: $C/simulation.yaml
	  hub_dir: $C/hub
	  index_path: $C/hub/.index.json
	  notification_dir: $C/notifications
	  plugin_dir: $C/plugins
	cscli:
	  output: human
	db_config:
	  log_level: info
	  type: sqlite
	  db_path: $C/data/crowdsec.db
	  use_wal: true
	api:
	  client:
	    credentials_path: $C/credentials.yaml
	  server:
	    log_level: info
	    listen_uri: $AT
	    profiles_path: $C/profiles.yaml
	    console_path: $C/console.yaml
	prometheus:
	  enabled: false
CONF
# It wants one profile; decisions that are made by hand need none.
cat >"$C/profiles.yaml" <<-CONF
	name: default_ip_remediation
	filters:
	 - Alert.Remediation == true && Alert.GetScope() == "Ip"
	decisions:
	 - type: ban
	   duration: 4h
	on_success: break
CONF
echo 'simulation: off' >"$C/simulation.yaml"
: >"$C/credentials.yaml"

cscli machines add strazh-test --auto --force -f "$C/credentials.yaml" >"$C/said" 2>&1
ok $? "cscli machines add"
cscli bouncers add strazh -o raw 2>"$C/said" | tr -d '\n' >"$E2E_TMP/key"
ok "$([ -s "$E2E_TMP/key" ]; echo $?)" "cscli bouncers add: a key"
chmod 600 "$E2E_TMP/key"
lapi_up
ok $? "its local API answers: $("$O/crowdsec/usr/bin/crowdsec" -version 2>&1 | sed -n 's/.*version: *//p' | head -n 1)"
[ "$TAP_BAD" = 0 ] || {
	sed 's/^/# /' "$C/said" "$C/log"
	finish
}

echo "# what is there already"
decide add --ip $BAD --duration 1h --reason doors
decide add --range 198.51.100.0/24 --duration 2h
decide add --ip 2001:db8:66::1 --duration 2h
decide add --ip 10.66.0.1 --duration 1h
decide add --ip 192.0.2.9 --duration 1h --type captcha
ping4 $BAD
ok $? "nobody is denied yet"
printf '[crowdsec]\nurl = http://%s\nkey_file = %s\nevery = 1s\n' "$AT" "$E2E_TMP/key" >"$CONF"
strazhd_up --interface sv0 --config "$CONF"
wait_for 20 in_list $BAD
ok $? "its decisions come"
blocked4 $BAD
ok $? "and drop"
ping4 10.66.0.2
ok $? "others pass"
wait_for 10 in_list 198.51.100.0/24
ok $? "a range"
wait_for 10 in_list 2001:db8:66::1
ok $? "IPv6"
left_within $BAD 3000 3600
ok $? "as long as it says: $(left_of $BAD) s"
is "$(feed entries) $(feed left_out) $(feed other)" "3 1 1" \
	"another type and our own address are counted and not taken"
like "$(feed fault)" '^$' "nothing is wrong"

echo "# what comes and goes"
decide add --ip 192.0.2.1 --duration 1h
wait_for 20 in_list 192.0.2.1
ok $? "a new one comes"
decide delete --ip 192.0.2.1
wait_for 20 not_in_list 192.0.2.1
ok $? "deleted, it goes"
decide delete --range 198.51.100.0/24
wait_for 20 not_in_list 198.51.100.0/24
ok $? "so does a range"
decide add --ip 192.0.2.2 --duration 5s
wait_for 20 in_list 192.0.2.2
ok $? "a short one comes"
wait_for 30 not_in_list 192.0.2.2
ok $? "and goes by its time"

echo "# two about one address"
decide add --ip $BAD --duration 8h --reason "doors again"
wait_for 20 left_within $BAD 28000 28800
ok $? "the longer one holds"
decide delete --id "$(longest $BAD)"
wait_for 20 left_within $BAD 0 3600
ok $? "it is deleted: the shorter one still does"
blocked4 $BAD
ok $? "all the time"
decide delete --ip $BAD
wait_for 20 not_in_list $BAD
ok $? "both are: it is free"
ping4 $BAD
ok $? "its packets pass"

echo "# its API is away"
decide add --ip 192.0.2.3 --duration 1h
wait_for 20 in_list 192.0.2.3
ok $? "somebody is denied"
lapi_down
wait_for 20 feed_like fault "not reached"
ok $? "killed, it is missed"
in_list 192.0.2.3
ok $? "and what holds, holds"
lapi_up
decide delete --ip 192.0.2.3
decide add --ip 192.0.2.4 --duration 1h
wait_for 60 in_list 192.0.2.4
ok $? "it is back: what came meanwhile comes"
wait_for 20 not_in_list 192.0.2.3
ok $? "and what went, goes"
strazhd_kill KILL
decide delete --ip 192.0.2.4
strazhd_up --interface sv0 --config "$CONF"
wait_for 20 not_in_list 192.0.2.4
ok $? "strazhd was killed: what went meanwhile goes"
cscli bouncers delete strazh >"$C/said" 2>&1
wait_for 20 feed_like fault "the server refuses us: HTTP status 403"
ok $? "cscli bouncers delete: the key is of no use any more, and that is said"

strazhd_kill TERM
lapi_down
finish
