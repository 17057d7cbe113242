#!/bin/bash
# Run once by the InfluxDB image, after it made its first bucket (/docker-entrypoint-initdb.d):
# the bucket of what is published, and for each of those who come a token that may do what it
# must and no more. The administrator's token stays with InfluxDB.
set -euo pipefail
umask 0027 # for its owner, and the group that the collector and Grafana are in
folder=${HOMEROUTE_TOKENS:-/var/lib/homeroute-tokens}
org=$DOCKER_INFLUXDB_INIT_ORG
telemetry=$DOCKER_INFLUXDB_INIT_BUCKET_ID

# value KEY: the first of that name in the JSON that is read.
value() { grep -o "\"$1\": *\"[^\"]*\"" | head -n 1 | cut -d '"' -f 4; }

# Files of a week, as where the collector makes the bucket: of a day each, which is InfluxDB's own
# choice for 90 days, questions of weeks take five times as long. Both, or one would be its default.
influx bucket update --id "$telemetry" --retention "$DOCKER_INFLUXDB_INIT_RETENTION" \
    --shard-group-duration 168h --json >/dev/null

reporting=$(influx bucket create --org "$org" --name reporting --retention 43824h --json | value id)

# token NAME DESCRIPTION PERMISSION...: makes it, and leaves it in a file of that name.
token() {
    local name=$1 about=$2 made
    shift 2
    made=$(influx auth create --org "$org" --description "$about" --json "$@" | value token)
    printf '%s' "$made" >"$folder/$name.new"
    mv "$folder/$name.new" "$folder/$name"
}

token collector "Homeroute collector: writes both" \
    --write-bucket "$telemetry" --write-bucket "$reporting"
token grafana "Grafana, staff: reads both" \
    --read-bucket "$telemetry" --read-bucket "$reporting"
token evaluators "Grafana, evaluators: reads what is published" \
    --read-bucket "$reporting"
echo "homeroute: bucket reporting and three tokens are made"
