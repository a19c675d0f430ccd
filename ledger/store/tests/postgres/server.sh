#!/bin/sh
# A private Postgres for as long as standard input is open: whoever started it may end in any way, and nothing is left.
# Arguments: folder of the binaries, port, then settings for the server. Reads lines: `kill` ends it at once, as a crash
# would; `start` starts it again on the same data. Answers `ready` when it serves and `killed` when it does not.
set -eu
bin=$1 port=$2
shift 2
dir=$(mktemp -d)
run=
if [ "$(id -u)" = 0 ]; then
    # Postgres refuses to run as root.
    chown postgres "$dir"
    run="setpriv --reuid=postgres --regid=postgres --clear-groups"
fi
cd "$dir"
pid=
stop() {
    [ -z "$pid" ] || kill -INT "$pid" 2>/dev/null || true
    [ -z "$pid" ] || wait "$pid" 2>/dev/null || true
    cd /
    rm -rf "$dir"
}
trap stop EXIT
trap 'exit 1' INT TERM
start() {
    # After a crash the old server's children hold its memory for a moment: it is tried again until they are gone.
    until $run "$bin/pg_isready" -q -h 127.0.0.1 -p "$port"; do
        if [ -z "$pid" ] || ! kill -0 "$pid" 2>/dev/null; then
            $run "$bin/postgres" -D data -h 127.0.0.1 -p "$port" -k "$dir" "$@" </dev/null >>"$dir/log" 2>&1 &
            pid=$!
        fi
        sleep 0.05
    done
    echo ready
}
$run "$bin/initdb" -D data -U postgres -A trust -E UTF8 --locale=C.UTF-8 >"$dir/log" 2>&1
start "$@"
while read -r word; do
    case $word in
    kill)
        kill -KILL "$pid"
        wait "$pid" 2>/dev/null || true
        pid=
        echo killed
        ;;
    start) start "$@" ;;
    esac
done
