#!/bin/bash
# A Docker daemon with the containerd image store, for tests, from a newer
# Debian than the one at hand. It lives in a root file system of its own and in
# its own mount and process namespaces, so that nothing is left when it ends.
#
#   containerd-docker.sh start DIR   makes DIR, starts the daemon, prints its DOCKER_HOST
#   containerd-docker.sh stop DIR    ends it and removes DIR
#
# DOCKER_DELTA_CONTAINERD_SUITE names the Debian suite, by default trixie (Docker
# 26); DOCKER_DELTA_CONTAINERD_ROOT a tar of the root file system, made if absent.
# The packages come from the mirror that apt uses. Needs root and mmdebstrap.
set -euo pipefail

usage() { sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2; exit 2; }

# shellcheck disable=SC2016  # apt expands $(SITE)
mirror() {
	apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 'Origin: Debian' 'Label: Debian' | sort -u | head -n 1
}

make_root() { # TAR or DIR
	mmdebstrap --quiet --mode=root --variant=minbase \
		--include=docker.io,ca-certificates \
		--aptopt='APT::Install-Recommends "false"' \
		"${DOCKER_DELTA_CONTAINERD_SUITE:-trixie}" "$1" "$(mirror)" >&2
}

start() {
	local dir=$1 root=$1/root pid
	mkdir -p "$dir"
	dir=$(realpath "$dir") root=$dir/root
	if [ -n "${DOCKER_DELTA_CONTAINERD_ROOT:-}" ]; then
		if [ ! -e "$DOCKER_DELTA_CONTAINERD_ROOT" ]; then
			make_root "$DOCKER_DELTA_CONTAINERD_ROOT.new.tar"
			mv "$DOCKER_DELTA_CONTAINERD_ROOT.new.tar" "$DOCKER_DELTA_CONTAINERD_ROOT"
		fi
		mkdir -p "$root"
		tar -C "$root" --numeric-owner -xf "$DOCKER_DELTA_CONTAINERD_ROOT"
	else
		make_root "$root"
	fi
	mkdir -p "$root/etc/docker"
	echo '{"features": {"containerd-snapshotter": true}}' >"$root/etc/docker/daemon.json"

	# shellcheck disable=SC2016  # expanded by the inner shell
	setsid unshare --mount --pid --fork --kill-child --propagation private /bin/sh -ec '
		mount --bind "$1" "$1"
		mount --rbind /sys "$1/sys"
		mount --rbind /dev "$1/dev"
		mount -t proc proc "$1/proc"
		exec chroot "$1" dockerd --host unix:///run/test.sock --exec-root /run/test \
			--pidfile /run/test.pid --iptables=false --ip6tables=false --bridge=none
	' sh "$root" >"$dir/log" 2>&1 </dev/null &
	pid=$!
	echo "$pid" >"$dir/pid"
	for _ in $(seq 60); do
		if docker --host "unix://$root/run/test.sock" version >/dev/null 2>&1; then
			echo "unix://$root/run/test.sock"
			return
		fi
		kill -0 "$pid" 2>/dev/null || break
		sleep 1
	done
	echo "the daemon did not come up:" >&2
	tail -n 20 "$dir/log" >&2
	stop "$dir"
	return 1
}

stop() {
	local dir=$1 pid
	[ -e "$dir/pid" ] || return 0
	pid=$(cat "$dir/pid")
	# The child is the first process of the namespace; all others end with it.
	pkill -TERM -P "$pid" 2>/dev/null || true
	for _ in $(seq 20); do
		kill -0 "$pid" 2>/dev/null || break
		sleep 0.5
	done
	kill -KILL "$pid" 2>/dev/null || true
	# The mounts were private to the daemon: nothing below DIR is mounted here.
	rm -rf --one-file-system "$dir"
}

[ $# = 2 ] || usage
case $1 in
start) start "$2" ;;
stop) stop "$2" ;;
*) usage ;;
esac
