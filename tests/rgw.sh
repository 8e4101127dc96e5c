#!/usr/bin/env bash
# Starts and stops one Ceph with its S3 gateway on 127.0.0.1, all of it in one folder and in memory.
# Its lifecycle engine is real: a "day" of a rule lasts RGW_DAY seconds.
#   RGW_DIR=/tmp/x RGW_PORT=7480 RGW_MON_PORT=6790 tests/rgw.sh start|stop
# Needs Debian's ceph-mon, ceph-osd, radosgw and curl: make servers
set -euo pipefail
dir=${RGW_DIR:?set RGW_DIR to an empty folder with a short name: it holds sockets}
port=${RGW_PORT:?}
mon=${RGW_MON_PORT:?}  # and the one after it
day=${RGW_DAY:-5}
export CEPH_CONF=$dir/ceph.conf

ceph_() { ceph --connect-timeout 20 "$@"; }

wait_for() {  # SECONDS COMMAND...
  local seconds=$1
  shift
  for _ in $(seq $((seconds * 20))); do
    "$@" >/dev/null 2>&1 && return 0
    sleep .05
  done
  echo "timeout: $*" >&2
  return 1
}

run() {  # NAME COMMAND...
  local name=$1
  shift
  "$@" </dev/null >"$dir/log/$name.out" 2>&1 &
  echo $! >"$dir/$name.pid"
}

configure() {
  mkdir -p "$dir"/{mon,osd,run,log}
  fsid=$(cat /proc/sys/kernel/random/uuid)
  cat >"$CEPH_CONF" <<CONF
[global]
fsid = $fsid
mon host = [v2:127.0.0.1:$mon,v1:127.0.0.1:$((mon + 1))]
mon initial members = a
public network = 127.0.0.0/8
cluster network = 127.0.0.0/8
ms bind ipv6 = false
auth cluster required = none
auth service required = none
auth client required = none
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon warn on pool no redundancy = false
mon max pg per osd = 1000
mon data avail crit = 1
paxos propose interval = .05
paxos min wait = .01
run dir = $dir/run
admin socket = $dir/run/\$name.asok
pid file =
log file = $dir/log/\$name.log
crash dir = $dir/log
[mon]
mon data = $dir/mon
mon cluster log file = $dir/log/cluster.log
auth allow insecure global id reclaim = false
[osd]
osd data = $dir/osd
osd objectstore = memstore
memstore device bytes = 4294967296
osd memory target = 939524096
[client.rgw]
ms mon client mode = crc
rgw frontends = beast endpoint=127.0.0.1:$port
rgw lc debug interval = $day
rgw dns name = localhost
CONF
}

start_cluster() {
  osd=$(cat /proc/sys/kernel/random/uuid)
  monmaptool --create --clobber --fsid "$fsid" \
    --addv a "[v2:127.0.0.1:$mon,v1:127.0.0.1:$((mon + 1))]" "$dir/monmap" >/dev/null
  ceph-mon --mkfs -i a --monmap "$dir/monmap"
  run mon ceph-mon -f -i a
  wait_for 30 ceph_ -s
  ceph_ osd new "$osd" >/dev/null
  ceph-osd -i 0 --mkfs --osd-uuid "$osd" >"$dir/log/mkfs.out" 2>&1
  run osd ceph-osd -f -i 0
  wait_for 60 sh -c 'ceph --connect-timeout 5 osd stat | grep -q "1 up"'
}

make_user() {  # the first of these commands makes the default zone, too
  radosgw-admin user create --uid test --display-name test \
    --access-key test --secret-key testtest >/dev/null
  radosgw-admin user create --uid other --display-name other \
    --access-key other --secret-key otherother >/dev/null
  for class in STANDARD_IA GLACIER; do
    radosgw-admin zonegroup placement add --rgw-zonegroup default \
      --placement-id default-placement --storage-class $class >/dev/null
    radosgw-admin zone placement add --rgw-zone default --placement-id default-placement \
      --storage-class $class --data-pool "default.rgw.${class,,}.data" >/dev/null
  done
}

start() {
  configure
  start_cluster
  make_user
  run rgw radosgw -f -n client.rgw
  wait_for 90 curl -sf "http://127.0.0.1:$port/"
}

stop() {  # it is all in memory: nothing is lost that somebody wants
  for name in rgw osd mon; do
    [ -s "$dir/$name.pid" ] && kill -KILL "$(cat "$dir/$name.pid")" 2>/dev/null || true
  done
}

trap '[ $? = 0 ] || stop' EXIT
case ${1:-} in
  start) start ;;
  stop) stop ;;
  *) echo "usage: $0 start|stop" >&2; exit 2 ;;
esac
