#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# strazhd --check: every fault with its place, every value with its source; what is wrong never runs.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
unset STRAZH_STATE_DIR

CONF=$E2E_TMP/strazh.conf
# check ARGS...: what strazhd --check says; its status in STATUS
check() {
	SAID=$(timeout 30 "$O/strazhd" --check "$@" 2>&1 </dev/null)
	STATUS=$?
}

check
is "$STATUS" 0 "no file at all is right"
like "$SAID" "^configuration is right$" "and it is said"
like "$SAID" "^server\.listen = 0\.0\.0\.0:8000 +# default$" "defaults are shown as such"

cat >"$CONF" <<-'END'
	[server]
	name = front-1
	queue_bytes = 65536
	heartbeat = 1m
	[service.tunnel]
	enable = on
	web = 127.0.0.1:80
END
export STRAZH_SERVER_HEARTBEAT=2m
check --config "$CONF" --set server.reactors=2 --log-level debug
is "$STATUS" 0 "file, environment, command line"
like "$SAID" "^server\.name = front-1 +# $CONF:2$" "from the file, with its line"
like "$SAID" "^server\.queue_bytes = 64K +# $CONF:3$" "a value in its normal form"
like "$SAID" "^server\.heartbeat = 2m +# STRAZH_SERVER_HEARTBEAT$" "the environment goes before the file"
like "$SAID" "^server\.reactors = 2 +# command line$" "--set"
like "$SAID" "^daemon\.log_level = debug +# command line$" "an option of its own"
like "$SAID" "^service\.tunnel\.web = 127\.0\.0\.1:80 +# $CONF:7$" "an upstream"
check --json --config "$CONF"
is "$(jq -r '.right, (.values[] | select(.key == "server.name") | .value, .from, .where)' <<<"$SAID" |
	paste -sd' ')" "true front-1 file $CONF:2" "--json"
unset STRAZH_SERVER_HEARTBEAT

cat >"$CONF" <<-'END'
	[server]
	listn = 0.0.0.0:8000
	max_connections = many
	max_connections = 5
	[servr]
	name = x
	[service.relay]
	policy = kick
	what is this
END
STRAZH_SERVER_NAM=x check --config "$CONF"
is "$STATUS" 2 "a wrong one: status 2"
like "$SAID" "^$CONF:2: server\.listn: .*did you mean 'listen'\?$" "an unknown key"
like "$SAID" "^$CONF:3: server\.max_connections: 'many': a number from 1 to 1000000$" "a wrong value"
like "$SAID" "^$CONF:4: server\.max_connections: set in line 3 already$" "a key twice"
like "$SAID" "^$CONF:5: \[servr\]: .*did you mean \[server\]\?$" "an unknown section"
like "$SAID" "^$CONF:8: service\.relay\.policy: 'kick': one of: drop close$" "an unknown word"
like "$SAID" "^$CONF:9: 'what is this': neither" "a line that is none"
like "$SAID" "^STRAZH_SERVER_NAM: .*did you mean STRAZH_SERVER_NAME\?$" "a variable that is none"
like "$SAID" "^configuration is wrong: 7 faults$" "all of them in one run"
check --json --config "$CONF"
is "$STATUS" 2 "--json: status 2"
is "$(jq -r '.right, .faults_total, (.values | length), .faults[0].key' <<<"$SAID" | paste -sd' ')" \
	"false 6 0 server.listn" "--json: faults and no values"
SAID=$(timeout 30 "$O/strazhd" --config "$CONF" 2>&1 </dev/null)
is $? 2 "strazhd does not start with it"
like "$SAID" "$CONF:9" "and says why"
check --config "$E2E_TMP/absent"
is "$STATUS" 2 "a file that was named has to be there"
like "$SAID" "absent: cannot be read: No such file" "and is named"
check --set server.nam=x
is "$STATUS" 2 "--set of an unknown key"
like "$SAID" "did you mean server\.name\?" "with the nearest one"
check --mode fast
like "$SAID" "^--mode: gate\.mode: 'fast': one of: native generic auto$" "an option names its key"

"$O/strazhd" --example >"$CONF"
is $? 0 "--example"
check --config "$CONF"
is "$STATUS" 0 "is right as it stands"
sed -i '/^#[a-z_]* =/s/^#//' "$CONF"
check --config "$CONF"
is "$STATUS" 0 "and with every default said aloud"
is "$(grep -c '# default$' <<<"$SAID")" 0 "so that no default is left"

echo "# SIGHUP"
logged() { grep -qE -- "$1" "$E2E_TMP/strazhd.log"; }
net_up
printf '[server]\nname = a\nheartbeat = 10s\n' >"$CONF"
strazhd_up --config "$CONF"
printf '[server]\nname = b\nheartbeat = 20s\n[daemon]\nlog_level = debug\n' >"$CONF"
kill -HUP "$STRAZHD_PID"
wait_for 10 logged "'server\.heartbeat'"
like "$(log)" "'server\.heartbeat' is '20s', and was '10s'$" "a key that holds at once"
like "$(log)" "'server\.name' is 'b', and was 'a': it holds after a restart" "a key that does not"
printf '[server]\nheartbeat = 30s\nnam = c\n' >"$CONF"
kill -HUP "$STRAZHD_PID"
wait_for 10 logged "nothing of it is taken"
like "$(log)" "$CONF:3: server\.nam: .*did you mean 'name'" "a fault is told with its place"
printf '[server]\nheartbeat = 40s\nname = a\n' >"$CONF"
kill -HUP "$STRAZHD_PID"
wait_for 10 logged "is '40s'"
like "$(log)" "'server\.heartbeat' is '40s', and was '20s'" "of the wrong file nothing was taken"
ok "$(log | grep -c "'server\.name' is 'a'")" "and the name at the start is no change"
strazhd_kill TERM
finish
