#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# A look inside: explain (what would become of a capture), top (who sends most), capture (samples
# into a file), with good and bad files, full disks, closed pipes, signals, and a small terminal.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

# refuses CODE PATTERN ARGS...
# sz_settings.tap_on: who looks on now, a bit each.
looking_on() {
	bpftool -j map dump pinned /sys/fs/bpf/strazh/sz_settings |
		jq -r '.[0].formatted.value.tap_on // .[0].value.tap_on'
}
look_on() { [ "$(looking_on)" = "$1" ]; }
frames() { tcpdump -nr "$1" 2>/dev/null | wc -l; }

refuses 6 "not loaded" explain --pcap nosuch
refuses 6 "not loaded" capture --dropped --write x
refuses 6 "not loaded" top --once
net_up
ctl attach sv0 >/dev/null 2>&1
ctl ban 10.66.0.66 >/dev/null 2>&1
cd "$E2E_TMP" || exit 1
/usr/bin/python3 - 2>/dev/null <<'PY'
from scapy.all import CookedLinux, Ether, ARP, IP, IPv6, TCP, UDP, Raw, wrpcap
server = "10.66.0.1"
eth = Ether(src="02:00:00:00:00:02", dst="02:00:00:00:00:01")
frames = [eth / IP(src="10.66.0.2", dst=server) / UDP(sport=9, dport=53) / ("x" * 40)] * 3 + [
    eth / IP(src="10.66.0.66", dst=server) / TCP(sport=9, dport=80, flags="S"),
    eth / IP(src="127.0.0.1", dst=server) / UDP(sport=9, dport=53),
    eth / IPv6(src="fd66::2", dst="fd66::1") / TCP(sport=9, dport=80, flags="S"),
    eth / ARP(),
    Raw(b"tiny")]
wrpcap("good.pcap", frames)
wrpcap("sll.pcap", [CookedLinux() / IP(src="10.66.0.66") / UDP()])
PY
head -c 420 good.pcap >cut.pcap
: >zero.pcap
echo "this is no capture, and long enough for every header" >junk.pcap

# ---- explain ----

counts() { ctl stats --json 2>/dev/null | jq -c 'del(.via)'; }
before=$(counts)
said=$(ctl explain --pcap good.pcap)
is $? 0 "explain"
like "$said" "^ +1 +pass +pass +10.66.0.2:9 +10.66.0.1:53 +udp" "names each frame"
like "$said" "^ +4 +drop +deny-host +10.66.0.66:9 +10.66.0.1:80 +tcp" "a banned source"
like "$said" "^ +5 +drop +bogon " "a source that cannot be"
like "$said" "^ +6 +pass .*\[fd66::2\]:9" "IPv6"
like "$said" "^ +8 +not run .*shorter than an Ethernet header: 4 bytes" "what is no frame is named and not run"
like "$said" "8 frames, 1 of them not run" "and counted"
is "$(ctl explain --pcap good.pcap --summary --json | jq -r 'select(.reason == "pass") | .frames')" 4 "only sums"
is "$(ctl explain --pcap - <good.pcap --json | jq -s 'map(select(.frame)) | length')" 8 "from standard input"
ctl mode observe >/dev/null 2>&1
like "$(ctl explain --pcap good.pcap --summary)" "1 +observed +deny-host" "in the mode that the gate is in"
ctl mode enforce >/dev/null 2>&1
is "$(counts)" "$before" "the gate itself has counted nothing of it"
is "$(ctl list deny --json 2>/dev/null | jq 'select(.prefix) | .hits')" 0 "nor a hit"

refuses 1 "nosuch.*No such file" explain --pcap nosuch
refuses 1 "no capture that can be read.*directory" explain --pcap .
refuses 1 "zero.pcap.*no capture that can be read" explain --pcap zero.pcap
refuses 1 "junk.pcap.*no capture that can be read" explain --pcap junk.pcap
refuses 1 "cut.pcap., after frame 4: truncated" explain --pcap cut.pcap
refuses 1 "link type LINUX_SLL.*tcpdump -i eth0" explain --pcap sll.pcap
refuses 2 "FILE is missing" explain
like "$(ctl explain --pcap cut.pcap 2>/dev/null)" "^ +4 +drop +deny-host" "the frames before the cut are told"
said=$(ctl explain --pcap good.pcap 2>&1 >/dev/full)
is "$? $said" "1 strazhctl: standard output: No space left on device" "a full disk under the output"
is "$(ctl explain --pcap good.pcap --json 2>&1 | head -n 1 | jq .frame)" 1 "a reader that leaves (head)"

# ---- capture ----

refuses 2 "FILE is missing" capture --dropped
refuses 2 "want --dropped, --passed" capture --write x
refuses 2 "no reason 'nosuch'.*stats --all" capture --reason nosuch --write x
refuses 2 "nothing is both" capture --passed --reason deny-host --write x
refuses 2 "'0' is no value for --count" capture --dropped --write x --count 0
refuses 2 "14 to 512" capture --dropped --write x --snap 9
refuses 1 "good.pcap' is there already" capture --dropped --write good.pcap
refuses 1 "'/nosuch/x': No such file" capture --dropped --write /nosuch/x
ok "$([ ! -e x ]; echo $?)" "a wrong command line makes no file"
is "$(ctl capture --dropped --write none.pcapng --for 1s 2>/dev/null)" "0 packets written to 'none.pcapng'" "no packets"
like "$(ctl explain --pcap none.pcapng 2>&1)" "^0 frames" "are a capture too"

(cl ping -qn -i 0.02 -c 700 -I 10.66.0.2 10.66.0.1 >/dev/null 2>&1) &
flood 10.66.0.66 2000 14
like "$(ctl capture --dropped --reason deny-host -w dropped.pcapng --count 40 2>/dev/null)" \
	"40 packets written to 'dropped.pcapng'" "capture until --count"
is "$(frames dropped.pcapng)" 40 "tcpdump reads them"
is "$(tcpdump -nr dropped.pcapng 2>/dev/null | grep -vc "IP 10.66.0.66.*> 10.66.0.1.9: UDP, length 32")" 0 \
	"all of the banned source"
is "$(grep -aoc "deny-host: source address is denied (dropped); on operator" dropped.pcapng)" 40 \
	"with the reason as a comment"
is "$(stat -c %a dropped.pcapng)" 600 "for its owner only"
# Of what passes, neighbours' questions are a part.
ctl capture --passed --write - --count 9 2>/dev/null | tcpdump -nr - >passed.txt 2>/dev/null
is "$(grep -c . passed.txt)" 9 "what passes, into a pipe"
like "$(cat passed.txt)" "ICMP echo" "an honest ping is in it"
is "$(ctl capture --dropped --passed --write both.pcapng --for 1s --json 2>/dev/null | jq '.packets > 1200')" true \
	"both, for a second"
ctl capture --dropped --write - 2>err | head -c 4000 >taken
is "$(stat -c %s taken)" 4000 "a reader that leaves"
like "$(cat err)" "^[0-9]+ packets written to '-'" "ends the capture, without a complaint"
mkdir small
mount -t tmpfs -o size=16k tmpfs small
refuses 1 "'small/x', after [0-9]+ packets: No space left" capture --dropped --write small/x
umount small
"$O/strazhctl" capture --dropped --write ended.pcapng >said 2>&1 &
pid=$!
wait_for 3 test -s ended.pcapng || sleep 0.5
kill -TERM "$pid"
wait "$pid"
is "$?" 0 "a capture that is ended by a signal"
ok "$([ "$(frames ended.pcapng)" -gt 20 ]; echo $?)" "is whole: $(cat said)"
for i in 1 2 3 4; do
	"$O/strazhctl" capture --dropped --write "many$i" >/dev/null 2>&1 &
	many[i]=$!
	wait_for 3 look_on $(((1 << i) - 1))
done
refuses 1 "4 others look on already" capture --dropped --write fifth
kill -KILL "${many[1]}"
kill -TERM "${many[2]}" "${many[3]}" "${many[4]}"
wait "${many[@]}" 2>/dev/null
is "$(ctl capture --dropped --write after.pcapng --count 3 2>/dev/null | cut -d' ' -f1)" 3 \
	"a killed one gives its place back"
ok "$(wait_for 2 look_on 0; echo $?)" "and the gate samples for nobody then"

# ---- top ----

refuses 2 "packets.drops.bytes" top --by speed
refuses 2 "did you mean '--once'" top --onec
refuses 2 "no duration" top --for soon
like "$(ctl top --once --by drops)" "^10.66.0.66 +[12],[0-9]{3} +[12],[0-9]{3} .*deny-host" \
	"top --once --by drops: the flood comes first"
said=$(ctl top --json)
is "$(jq -rs 'map(select(.source))[0] | .source, (.drops > 1500 and .drops < 2500)' <<<"$said" | paste -sd' ' -)" \
	"10.66.0.66 true" "its rate is about right"
is "$(jq -rs 'map(select(.sum == "dropped"))[0].packets | . > 1500 and . < 2500' <<<"$said")" true "so is the sum"
is "$(jq -rs 'map(select(.source == "10.66.0.2"))[0] | (.drops == 0), (.packets > 20)' <<<"$said" | paste -sd' ' -)" \
	"true true" "the honest client is seen and loses nothing"
setpriv --reuid 65534 --regid 65534 --clear-groups "$O/strazhctl" top --once >nobody 2>&1
is $? 6 "a stranger's uid sees nothing"
ctl top --once 2>err >/dev/full
is "$? $(cat err)" "1 strazhctl: standard output: No space left on device" "a full disk under the output"

export TMUX_TMPDIR=$E2E_TMP
if command -v tmux >/dev/null; then
	screen() { tmux capture-pane -p; }
	shows() { screen | grep -qE -- "$1"; }
	tmux -f /dev/null new-session -d -x 100 -y 24 "sh"
	tmux send-keys "PS1='prompt '; clear; '$O/strazhctl' top" Enter
	ok "$(wait_for 4 shows '^10.66.0.66 .*deny-host'; echo $?)" "top in a terminal"
	like "$(screen)" "strazh top, by packets +enforcing" "with the mode"
	like "$(screen)" "stopped for: deny-host" "and the reasons"
	tmux resize-window -x 40 -y 9
	sleep 1.3
	is "$(screen | LC_ALL=C.UTF-8 grep -cE "^.{41}")" 0 "smaller: no line is wrapped"
	like "$(screen | head -n 1)" "^strazh top" "and the head stays"
	tmux resize-window -x 12 -y 2
	sleep 1.3
	like "$(screen | head -n 1)" "^strazh" "absurdly small"
	tmux resize-window -x 110 -y 24
	tmux send-keys b
	ok "$(wait_for 3 shows 'by bytes'; echo $?)" "large again; key b: by bytes"
	ok "$(shows '^10.66.0.66 .*deny-host'; echo $?)" "the table is back"
	tmux send-keys q
	ok "$(wait_for 3 shows '^prompt'; echo $?)" "q leaves, and what was there comes back"
	tmux send-keys "clear; '$O/strazhctl' top; echo end \$?; stty -a | grep -ow -e '-*echo' -e '-*icanon'" Enter
	wait_for 3 shows 'strazh top'
	tmux send-keys C-c
	ok "$(wait_for 3 shows 'end 0'; echo $?)" "so does Ctrl-C"
	is "$(screen | grep -xE -- '-?(echo|icanon)' | sort | paste -sd' ' -)" "echo icanon" \
		"and the terminal is as before"
	tmux kill-server
else
	skip "top in a terminal" "no tmux"
fi
ok "$(wait_for 2 look_on 0; echo $?)" "nobody looks on any more"
kill "$FLOOD_PID" 2>/dev/null
finish
