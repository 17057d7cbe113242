#!/bin/sh
# Healthy: the broker speaks TLS with the district's certificate, and refuses who has no account.
#   mosquitto_health.sh FOLDER PORT
# The collector's account is not used: another client of its name would push it off.
set -u
mosquitto_sub --cafile "$1/ca.pem" -h 127.0.0.1 -p "$2" -i health -t health -W 5 >/dev/null 2>&1
code=$?
# 5 is MQTT's "not authorised", which is what mosquitto_sub ends with.
[ "$code" -eq 5 ] || { echo "mosquitto_sub ended with $code, not 5 (not authorised)"; exit 1; }
