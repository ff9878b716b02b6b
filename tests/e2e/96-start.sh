#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# What stands between a configuration and a server that serves: strazhd --check finds it, the start
# and a reload say it, each with its place; keys under a passphrase; ports below 1024, and what
# strazhd may do once it has them.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$E2E_TMP" || exit 1
net_up
CONF=$E2E_TMP/strazh.conf
LOG=$E2E_TMP/strazhd.log

# check ARGS...: what strazhd --check says of the configuration; its status in STATUS
check() {
	SAID=$(timeout 60 "$O/strazhd" --check --config "$CONF" "$@" 2>&1 </dev/null)
	STATUS=$?
}
# faults NAME PATTERN ARGS...: one fault and no other, with status 2
faults() {
	local name=$1 pattern=$2
	shift 2
	check "$@"
	is "$STATUS" 2 "--check: $name"
	like "$SAID" "$pattern" "is told with its place"
	like "$SAID" "^configuration is wrong: 1 fault$" "and nothing else"
}
# starts ARGS...: strazhd runs, its log is a new one
starts() {
	: >"$LOG"
	strazhd_up --config "$CONF" "$@"
}
logged() { grep -qE -- "$1" "$LOG"; }
# reloads PATTERN: SIGHUP, and strazhd says that
reloads() {
	: >"$LOG"
	kill -HUP "$STRAZHD_PID"
	wait_for 20 logged "$1"
}
# pings KEYFILE PORT: does it answer, with that key?
pings() { cl timeout 30 "$O/strazh" ping -c 1 -s "10.66.0.1:$2" -k "@$1.pub" >/dev/null 2>&1; }
serves() { wait_for 20 pings "$1" "$2"; }
# All that is there, but for what this test writes itself.
state() { find . ! -name before ! -name strazh.conf ! -path . -printf '%p %s %T@ %m\n' | sort; }
capability() { awk -v what="$1:" '$1 == what { print $2 }' "$2"; }

echo right >right
echo wrong >wrong
echo other >other
chmod 600 right wrong other
cp right open
chmod 640 open
for name in plain second sealed resealed; do
	case $name in
	sealed) ctl keys new --server --passphrase-file right "$name" ;;
	resealed) ctl keys new --server --passphrase-file other "$name" ;;
	*) ctl keys new --server "$name" ;;
	esac >/dev/null 2>&1
	sed -n 's/^public: //p' "$name" >"$name.pub"
done
ctl keys new --root root >/dev/null 2>&1
ctl keys sign --root root --name strazh --out second.cert second >/dev/null 2>&1
ctl keys new --client client >/dev/null 2>&1
: >empty
chmod 600 empty
mkdir folder
mkfifo -m 600 pipe
cp plain exposed
chmod 644 exposed
cp plain foreign
chown nobody foreign
printf 'strazh key 1\nkind: server\nnonsense\n' >broken
chmod 600 broken
printf '# those who may come\n\nnot a key\n' >clients

echo "# strazhd --check"
cat >"$CONF" <<-CONF
	[server]
	enable = on
	listen = 10.66.0.1:8000
	key = $E2E_TMP/plain
CONF
check
is "$STATUS" 0 "--check: what is right"
state >before
faults "no key" "^command line: server\.key: '$E2E_TMP/absent': there is no such file; make one: " \
	--set "server.key=$E2E_TMP/absent"
sed -i "s|^key = .*|key = $E2E_TMP/broken|" "$CONF"
faults "a key file that is none" "^$CONF:4: server\.key: '$E2E_TMP/broken', line 3: "
sed -i "s|^key = .*|key = $E2E_TMP/plain|" "$CONF"
faults "an empty one" "server\.key: '$E2E_TMP/empty', line 1: a key file begins with" --set "server.key=$E2E_TMP/empty"
faults "a folder" "server\.key: '$E2E_TMP/folder': it is no regular file" --set "server.key=$E2E_TMP/folder"
faults "a pipe" "server\.key: '$E2E_TMP/pipe': it is no regular file" --set "server.key=$E2E_TMP/pipe"
faults "a key that others may read" "server\.key: '$E2E_TMP/exposed': .*chmod 600" --set "server.key=$E2E_TMP/exposed"
faults "a key of somebody else, as strazhd could read it" "server\.key: '$E2E_TMP/foreign': Permission denied; " \
	--set "server.key=$E2E_TMP/foreign"
faults "a key of a client" "server\.key: '$E2E_TMP/client': that is no server" --set "server.key=$E2E_TMP/client"
STRAZH_SERVER_CERTIFICATE=$E2E_TMP/second.cert faults "a certificate of another key" \
	"^STRAZH_SERVER_CERTIFICATE: server\.certificate: '$E2E_TMP/second\.cert': .* of none of the server's keys"
faults "a certificate that is none" "server\.certificate: '$E2E_TMP/plain', line 1: " \
	--set "server.certificate=$E2E_TMP/plain"
faults "a client that is none" "server\.clients: '$E2E_TMP/clients', line 3: not the base64" \
	--set "server.clients=$E2E_TMP/clients"
faults "clients in a folder" "server\.clients: '$E2E_TMP/folder': it is no regular file" \
	--set "server.clients=$E2E_TMP/folder"
faults "clients from a pipe" "server\.clients: '$E2E_TMP/pipe': it is no regular file" \
	--set "server.clients=$E2E_TMP/pipe"
cat >>"$CONF" <<-CONF
	[service.tunnel]
	enable = on
	web = nowhere.invalid:80
CONF
faults "an upstream that nobody knows" "^$CONF:7: service\.tunnel\.web: web 'nowhere\.invalid:80': "
check --set "server.key=$E2E_TMP/absent" --set "server.certificate=$E2E_TMP/plain" \
	--set "server.clients=$E2E_TMP/clients"
is "$STATUS $(grep -cE 'server\.(key|certificate|clients): |service\.tunnel\.web: ' <<<"$SAID")" "2 4" \
	"all that is wrong in one run"
check --json --set "server.key=$E2E_TMP/absent"
is "$STATUS $(jq -r '.right, .faults_total, .faults[0].key, .faults[0].where' <<<"$SAID" | paste -sd' ')" \
	"2 false 2 server.key command line" "the same as JSON"
check --set "server.key=$E2E_TMP/absent" --set server.enable=off
is "$STATUS" 0 "a server that is off needs nothing"
sed -i '/service.tunnel/,$d' "$CONF"
check
is "$(state)" "$(cat before)" "nothing on disk has changed"

echo "# a passphrase"
key=(--set "server.key=$E2E_TMP/sealed")
passphrase=(--set "server.passphrase=$E2E_TMP/right")
check "${key[@]}" "${passphrase[@]}"
is "$STATUS" 0 "--check: a key with its passphrase"
faults "without one" "server\.passphrase: '$E2E_TMP/sealed' is under a passphrase" "${key[@]}"
faults "with a wrong one" "server\.passphrase: what is in '$E2E_TMP/wrong' is not the passphrase of '$E2E_TMP/sealed'" \
	"${key[@]}" --set "server.passphrase=$E2E_TMP/wrong"
faults "in a file that is not there" "server\.passphrase: '$E2E_TMP/absent': No such file" \
	"${key[@]}" --set "server.passphrase=$E2E_TMP/absent"
faults "that others may read" "server\.passphrase: '$E2E_TMP/open': .*chmod 600" \
	"${key[@]}" --set "server.passphrase=$E2E_TMP/open"
faults "in an empty file" "server\.passphrase: '$E2E_TMP/empty': no passphrase; .*first line" \
	"${key[@]}" --set "server.passphrase=$E2E_TMP/empty"

cat >"$CONF" <<-CONF
	[server]
	enable = on
	listen = 10.66.0.1:8000
	key = $E2E_TMP/sealed
	passphrase = $E2E_TMP/right
CONF
starts
ok "$(serves sealed 8000; echo $?)" "strazhd serves with a key under a passphrase"
sed -i "s|sealed|resealed|; s|right|other|" "$CONF"
reloads "secured server: "
ok "$(serves resealed 8000; echo $?)" "a reload: another key, another passphrase"
sed -i "s|other|wrong|" "$CONF"
reloads "nothing of it is taken"
like "$(cat "$LOG")" "$CONF:5: server\.passphrase: what is in '$E2E_TMP/wrong'" "a wrong one: told with its place"
ok "$(pings resealed 8000; echo $?)" "and the server goes on as it was"
sed -i "s|wrong|open|" "$CONF"
reloads "nothing of it is taken"
like "$(cat "$LOG")" "$CONF:5: server\.passphrase: .*chmod 600" "one that others may read, too"
sed -i "/passphrase/d" "$CONF"
reloads "nothing of it is taken"
like "$(cat "$LOG")" "server\.passphrase: '$E2E_TMP/resealed' is under a passphrase" "and none at all"
ok "$(pings resealed 8000; echo $?)" "and the server goes on as it was"
strazhd_kill TERM
starts
like "$(cat "$LOG")" "the secured server cannot start: default: server\.passphrase: '$E2E_TMP/resealed'" \
	"the start says the same"
like "$(ctl status 2>&1)" "is under a passphrase" "and so does strazhctl status"
strazhd_kill TERM

echo "# what is in the way of the ports"
sed -i "s|resealed|plain|" "$CONF"
/usr/bin/python3 -c '
import signal, socket
s = socket.socket()
s.bind(("10.66.0.1", 8000))
s.listen()
print("bound", flush=True)
signal.pause()' >other.out &
squatter=$!
wait_for 10 grep -q bound other.out
starts
like "$(cat "$LOG")" "$CONF:3: server\.listen: cannot listen at '10\.66\.0\.1:8000': .* in use; .*ss -ltnp" \
	"a port that another has"
ok "$(daemon_answers >/dev/null; echo $?)" "the gate is there all the same"
strazhd_kill TERM
kill "$squatter"
wait "$squatter" 2>/dev/null
starts --set server.listen=10.77.0.1:8000
like "$(cat "$LOG")" "command line: server\.listen: cannot listen at '10\.77\.0\.1:8000': .*; no interface has" \
	"an address that is not here"
strazhd_kill TERM
: >"$LOG"
(
	ulimit -n 200
	exec "$O/strazhd" --state-dir "$E2E_TMP/state" --config "$CONF" --set server.max_connections=100000
) >>"$LOG" 2>&1 &
STRAZHD_PID=$!
wait_for 20 daemon_answers
like "$(cat "$LOG")" "200 open files are allowed, and server\.max_connections needs 101024" \
	"too few descriptors are told"
ok "$(pings plain 8000; echo $?)" "and it serves with those that there are"
strazhd_kill TERM
: >"$LOG"
(
	ulimit -n 64
	exec "$O/strazhd" --state-dir "$E2E_TMP/state" --config "$CONF" --set server.reactors=32
) >>"$LOG" 2>&1 &
STRAZHD_PID=$!
wait_for 20 logged "cannot start"
like "$(cat "$LOG")" "cannot start: .*: 64 open files are allowed, and it needs" "so few that it cannot start"
strazhd_kill TERM

echo "# a port below 1024"
is "$(cat /proc/sys/net/ipv4/ip_unprivileged_port_start)" 1024 "which is for those who may"
starts --set server.listen=0.0.0.0:443
ok "$(serves plain 443; echo $?)" "strazh ping through port 443"
# Those of the store have none at all.
# shellcheck disable=SC2016 # of awk
NOT_STORES='/CapEff|CapPrm|CapBnd/ && $2 !~ /^0+$/ { print $2 }'
is "$(awk "$NOT_STORES" /proc/"$STRAZHD_PID"/task/*/status | sort -u)" 000000c000201000 \
	"no thread of it may bind one more"
is "$(capability CapBnd "/proc/$STRAZHD_PID/status")" 000000c000201000 "nor may what it would start"
strazhd_kill TERM
UNIT=$(sed -n 's/^CapabilityBoundingSet=//p' "$TOP/scripts/strazhd.service" | tr '[:upper:] ' '[:lower:],')
UNIT=${UNIT//cap_/+}
: >"$LOG"
setpriv --bounding-set "-all,$UNIT" "$O/strazhd" --state-dir "$E2E_TMP/state" --config "$CONF" \
	--set server.listen=0.0.0.0:443 >>"$LOG" 2>&1 &
STRAZHD_PID=$!
wait_for 10 daemon_answers
ok "$(serves plain 443; echo $?)" "with what the systemd unit grants, too"
is "$(awk "$NOT_STORES" /proc/"$STRAZHD_PID"/task/*/status | sort -u)" 000000c000201000 \
	"and then it has no more than without the unit"
strazhd_kill TERM
: >"$LOG"
setpriv --bounding-set "-net_bind_service" "$O/strazhd" --state-dir "$E2E_TMP/state" --config "$CONF" \
	--set server.listen=0.0.0.0:443 >>"$LOG" 2>&1 &
STRAZHD_PID=$!
wait_for 10 daemon_answers
like "$(cat "$LOG")" "cannot listen at '0\.0\.0\.0:443': Permission denied; .*CAP_NET_BIND_SERVICE" \
	"without the capability it says what is missing"
strazhd_kill TERM
finish
