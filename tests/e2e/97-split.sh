#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# The worker, which talks to strangers, is a process without any right: what it cannot do even when it
# has been taken over; what is left when it dies, again and again, when its launcher dies, when both do,
# when its keeper does.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$E2E_TMP" || exit 1
net_up
# A user for the worker, in this test's own view of the machine.
cp /etc/passwd passwd
sed -i '/^strazh:/d' passwd
echo 'strazh:x:4711:4711::/nonexistent:/usr/sbin/nologin' >>passwd
mount --bind passwd /etc/passwd
LOG=$E2E_TMP/strazhd.log

ctl keys new --server server.key >/dev/null
sed -n 's/^public: //p' server.key >server.pub
cat >strazh.conf <<-CONF
	[server]
	enable = on
	listen = 10.66.0.1:443
	key = $E2E_TMP/server.key
	drain_timeout = 2s
	[service.tunnel]
	enable = on
	web = 127.0.0.1:8099
CONF

logged() { grep -qE -- "$1" "$LOG"; }
count() { grep -cE -- "$1" "$LOG"; }
more() { [ "$(count "$1")" -gt "$2" ]; }
pings() { cl timeout 10 "$O/strazh" ping -c 1 -s 10.66.0.1:443 -k "@$E2E_TMP/server.pub" >/dev/null 2>&1; }
# security FILTER: of what status --security says as JSON
security() { ctl status --security --json | jq -rs "map(select(.kind == \"security\")) | $1"; }
worker() { security '.[] | select(.process == "worker") | .pid'; }
of_worker() { security ".[] | select(.process == \"worker\") | $1"; }
server() { ctl status --json | jq -rs ".[] | select(.kind == \"server\") | $1"; }
gone() { ! kill -0 "$1" 2>/dev/null; }
other() { [ "$(worker)" != 0 ] && [ "$(worker)" != "$1" ]; }
proven() { bpftool map dump pinned /sys/fs/bpf/strazh/sz_proven 2>/dev/null | grep -c '"key"'; }
has_proven() { [ "$(proven)" = "$1" ]; }
# field PID NAME: of /proc/PID/status
field() { awk -v name="$2:" '$1 == name { $1 = ""; print substr($0, 2) }' "/proc/$1/status"; }

# What whoever starts strazhd leaves open and in its environment is not for strangers.
echo secret >left-open
exec 9<left-open
export PGPASSWORD=secret
strazhd_up --interface sv0 --config strazh.conf
exec 9<&-
unset PGPASSWORD
ok "$(pings; echo $?)" 'it serves, at a port below 1024'

echo '# what the kernel says of the worker'
W=$(worker)
is "$(field "$W" Uid)" '4711 4711 4711 4711' 'it is another user'
is "$(field "$W" Gid) / $(field "$W" Groups)" '65534 65534 65534 65534 / ' 'and of no group'
for set in CapInh CapPrm CapEff CapBnd CapAmb; do
	is "$(awk -v set="$set:" '$1 == set { print $2 }' /proc/"$W"/task/*/status | sort -u)" 0000000000000000 \
		"$set is empty in every thread"
done
for what in 'NoNewPrivs 1' 'Seccomp 2'; do
	is "$(awk -v name="${what% *}:" '$1 == name { print $2 }' /proc/"$W"/task/*/status | sort -u)" "${what#* }" \
		"$what in every thread"
done
is "$(find "/proc/$W/fd" -lname '*bpf*' | wc -l) $(find "/proc/$W/fd" -lname "$E2E_TMP/server.key" | wc -l)" '0 0' \
	'it has no descriptor of a map, nor of its key any more'
is "$(find "/proc/$STRAZHD_PID/fd" -lname '*/left-open' | wc -l)" 1 'strazhd was started with a file open'
is "$(find "/proc/$W/fd" -lname '*/left-open' | wc -l)" 0 'which it has not'
is "$(find "/proc/$(security '.[] | select(.process == "launcher") | .pid')/fd" -lname '*/left-open' | wc -l)" 0 \
	'nor has the launcher'
is "$(tr '\0' '\n' <"/proc/$STRAZHD_PID/environ" | grep -c PGPASSWORD)" 1 'and with a password in its environment'
is "$(tr '\0' '\n' <"/proc/$W/environ" | grep -c PGPASSWORD)" 0 'which it has not'
is "$(stat -c %u "/proc/$W/environ")" 0 'nobody of its user looks into it, and it leaves no core'
is "$(cat "/proc/$W/oom_score_adj")" 500 'where memory is short it goes first'
like "$(grep 'Max core' "/proc/$W/limits")" ' 0 +0 ' 'no core by its limits, either'
echo '# what strazhctl says'
is "$(of_worker '[.uids[1], .effective, .permitted, .bounding, .no_new_privs, .seccomp] | tostring')" \
	'[4711,[],[],[],true,"filter"]' 'status --security --json of the worker'
is "$(of_worker '.set_up.calls > 40 and .set_up.calls < 100')" true "$(of_worker .set_up.calls) system calls"
is "$(of_worker '.set_up | .calls == (.allowed | unique | length)')" true 'each of them by its name'
is "$(of_worker '.set_up.allowed | map(select(IN("read", "accept4", "sendmsg", "execve", "openat"))) | tostring')" \
	'["read","accept4"]' 'sessions need these, and nobody those'
is "$(security '.[] | select(.process == "keeper") | [.pid, .bounding] | tostring')" \
	"[$STRAZHD_PID,[\"net_admin\",\"sys_admin\",\"perfmon\",\"bpf\"]]" 'and of the keeper'
FOUR='["kill","setgid","setpcap","setuid"]'
is "$(security '.[] | select(.process == "launcher") | [(.effective | sort), (.bounding | sort)] | tostring')" \
	"[$FOUR,$FOUR]" 'and of the launcher'
TEXT=$(ctl status --security)
like "$TEXT" 'worker +.*process [0-9]+: talks to clients' 'as text: the worker'
like "$TEXT" 'no_new_privs yes, seccomp filter: [0-9]+ system calls' 'its filter'
like "$TEXT" 'Landlock( ABI [0-9]+: no file|: this kernel has none)' 'Landlock'
by_hand=$("$O/strazhd" --worker 2>&1 3>&- 4>&-)
is "$?" 2 'nobody starts a worker by hand'
like "$by_hand" 'starts its worker itself' 'and is told so'
is "$("$O/strazhd" --help | grep -c -- --worker)" 0 '--help does not speak of it'

echo '# what it cannot do, tried with the same code'
ip link set lo up
probe() { "$O/tests/tools/worker-probe" --uid 4711 /sys/fs/bpf/strazh/sz_dhost4 8099 8098; }
probe >tried 2>&1
is $? 0 'every attempt was made'
for what in bpf-map-open bpf-map-create raw-socket packet-socket udp-socket unix-socket read-shadow \
	read-passwd write-file run-program new-process trace-parent signal-parent code-in-memory bind-port \
	pass-descriptor deafen-port connect-by-sending slow-parent; do
	is "$(sed -n "s/^before $what //p" tried)" 'done' "$what: can be done without it"
	like "$(sed -n "s/^$what //p" tried)" '^(killed 31|refused EACCES)$' 'and not by the worker'
done
like "$(sed -n 's/^become-root //p' tried)" '^killed 31$' 'nor can it become root'
if [ "$(of_worker '.set_up.landlock_abi')" -ge 4 ]; then
	is "$(sed -n 's/^connect-elsewhere //p' tried)" 'refused EACCES' 'nor connect to what is no upstream'
else
	skip 'it cannot connect to what is no upstream' 'Landlock of this kernel knows no ports'
fi
for what in connect-upstream new-thread memory; do
	is "$(sed -n "s/^$what //p" tried)" 'done' "$what: that is its work"
done

timeout 60 "$O/strazhd" --state-dir "$E2E_TMP/other" --config strazh.conf >second 2>&1 </dev/null
is "$?" 1 'a second strazhd ends, with its launcher'
like "$(cat second)" 'another strazhd runs here' 'and says why'

echo '# it dies'
ctl ban 10.66.0.66 --reason split >/dev/null
cl timeout 30 "$O/strazh" ping -c 100 -i 0.2 -s 10.66.0.1:443 -k @server.pub >held 2>&1 &
held=$!
ok "$(wait_for 10 has_proven 1; echo $?)" 'a session is there, its flow is marked'
kill -9 "$W"
ok "$(wait_for 5 has_proven 0; echo $?)" 'kill -9: no flow is marked any more'
ok "$(wait_for 5 logged 'the secured server is gone: signal 9 \(Killed\); it is started again in 1 s'; echo $?)" \
	'the log says how it ended'
is "$(ctl list 2>/dev/null | grep -c '10\.66\.0\.66')" 1 'strazhctl answers, the ban is there'
ok "$(blocked4 10.66.0.66; echo $?)" 'and in force'
ok "$(wait_for 20 pings; echo $?)" 'the server is back, at its port below 1024'
is "$(server '[.running, .restarts, .cause] | tostring')" '[true,1,"signal 9 (Killed)"]' 'status tells of it'
like "$(ctl status)" 'ended by itself 1 times, the last time: signal 9' 'as text, too'
W2=$(worker)
ok "$([ "$W2" != "$W" ]; echo $?)" 'another process'
is "$(field "$W2" Uid) $(field "$W2" CapBnd)" '4711 4711 4711 4711 0000000000000000' 'without rights as well'
wait "$held"

echo '# a reload reads files that it could not open'
ctl keys rotate server.key >/dev/null 2>&1
sed -n 's/^public: //p' server.key >server.pub
n=$(count 'secured server: ')
kill -HUP "$STRAZHD_PID"
ok "$(wait_for 10 more 'secured server: ' "$n"; echo $?)" 'SIGHUP'
ok "$(pings; echo $?)" 'the new key is served'
is "$(worker)" "$W2" 'by the same process'

echo '# it dies again and again'
for n in 2 4 8; do
	kill -9 "$(worker)"
	ok "$(wait_for 10 logged "it is started again in $n s"; echo $?)" "the next start is in $n s"
	[ "$n" = 8 ] || wait_for 20 pings
done
like "$(ctl status)" 'not running: signal 9' 'status says that it does not run now'
ok "$(blocked4 10.66.0.66; echo $?)" 'the gate enforces meanwhile'
ok "$(wait_for 30 pings; echo $?)" 'and then it serves again'

echo '# it hangs'
W=$(worker)
said_nothing() { [[ "$(server .text)" == *'it has said nothing for '* ]]; }
kill -STOP "$W"
ok "$(wait_for 60 said_nothing; echo $?)" 'stopped: status says that it says nothing'
ok "$(wait_for 90 logged 'the secured server is ended: it says nothing any more'; echo $?)" 'and it is ended'
ok "$(wait_for 60 pings; echo $?)" 'another one serves'
is "$(server '[.running, .cause] | tostring')" '[true,"it was ended: it says nothing any more"]' 'status tells why'
ok "$(gone "$W"; echo $?)" 'the first one is gone'

echo '# its launcher dies'
W=$(worker)
LAUNCHER=$(security '.[] | select(.process == "launcher") | .pid')
: >held
ip netns exec cl timeout 100 "$O/strazh" ping -c 900 -i 0.1 -s 10.66.0.1:443 -k @server.pub >held 2>&1 &
held=$!
replies() { grep -c 'bytes from' held; }
replied() { [ "$(replies)" -gt "$1" ]; }
ok "$(wait_for 10 replied 1; echo $?)" 'a session is there'
kill -9 "$LAUNCHER"
ok "$(wait_for 5 logged 'the launcher of the secured server is gone: sessions go on'; echo $?)" \
	'kill -9: the log says so'
n=$(replies)
ok "$(wait_for 10 replied $((n + 20)); echo $?)" 'the session goes on'
is "$(grep -c 'connecting again' held)" 0 'and never ended'
ok "$(wait_for 5 has_proven 1; echo $?)" 'its flow is marked'
ok "$(wait_for 20 pings; echo $?)" 'new ones are opened'
is "$(worker)" "$W" 'by the same process'
like "$(ctl status)" 'its launcher is gone: strazhd ends with it' 'status says so'
like "$(ctl status --security)" 'launcher +does not run' 'and status --security'
ok "$(blocked4 10.66.0.66; echo $?)" 'the gate enforces'
echo '# and then its worker'
kill -9 "$W"
ok "$(wait_for 5 has_proven 0; echo $?)" 'kill -9: no flow is marked any more'
ok "$(wait_for 5 logged 'and so is its launcher: strazhd ends in 3 s'; echo $?)" 'the log says what comes'
ok "$(wait_for 60 gone "$STRAZHD_PID"; echo $?)" 'strazhd, which can start neither, ends'
wait "$STRAZHD_PID"
is "$?" 1 'as a failure: systemd starts it anew'
like "$(sed -n 's/^Restart=//p' "$TOP/scripts/strazhd.service")" '^(always|on-failure)$' 'as its unit says'
kill "$held"
wait "$held" 2>/dev/null
ok "$(blocked4 10.66.0.66; echo $?)" 'the gate enforces'
strazhd_up --interface sv0 --config strazh.conf
is "$(ctl list 2>/dev/null | grep -c '10\.66\.0\.66')" 1 'started again: the ban is there'
ok "$(wait_for 10 pings; echo $?)" 'and it serves'

echo '# its keeper dies'
W=$(worker)
LAUNCHER=$(security '.[] | select(.process == "launcher") | .pid')
strazhd_kill KILL
ok "$(wait_for 5 gone "$W"; echo $?)" 'kill -9 of the keeper: the worker ends'
ok "$(wait_for 5 gone "$LAUNCHER"; echo $?)" 'and the launcher'
ok "$(blocked4 10.66.0.66; echo $?)" 'the gate enforces'
strazhd_up --interface sv0 --config strazh.conf
ok "$(wait_for 10 pings; echo $?)" 'started again: it serves'
strazhd_kill TERM
is "$(pgrep -c 'strazhd')" 0 'an orderly end: nothing is left'
finish
