#!/bin/sh
# Runs mosquitto on the files broker_files.py keeps in FOLDER, and has it reload
# them when they change: who is connected stays connected.
#   mosquitto.sh FOLDER
set -eu
folder=$1

until [ -s "$folder/version" ]; do sleep 1; done
seen=$(cat "$folder/version")
mosquitto -c "$folder/mosquitto.conf" &
broker=$!
trap 'kill -TERM "$broker" 2>/dev/null || true' TERM INT

while kill -0 "$broker" 2>/dev/null; do
    now=$(cat "$folder/version" 2>/dev/null || echo "$seen")
    if [ "$now" != "$seen" ]; then
        seen=$now
        kill -HUP "$broker"
    fi
    sleep 1
done
wait "$broker"
