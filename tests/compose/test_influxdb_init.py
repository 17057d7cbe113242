"""What InfluxDB's first start runs, against a stand-in for its command line."""

from __future__ import annotations

import json
import stat
import subprocess
from pathlib import Path

from homeroute_collector.influx_targets import SHARD_DAYS
from homeroute_collector.service import REPORTING_DAYS

INIT = Path(__file__).parents[2] / "collector/compose/influxdb-init.sh"

INFLUX = """#!/usr/bin/env python3
# A stand-in for InfluxDB's command line, 2.7: writes down what it is asked, and answers as that
# does with --json (keys and indentation of its own source), failing where that fails.
import json, os, sys
args = sys.argv[1:]
with open(os.environ["ASKED"], "a") as file:
    file.write(json.dumps(args) + "\\n")
def value(flag):
    return args[args.index(flag) + 1]
if args[:2] == ["bucket", "update"]:
    # The one command of these that knows no --org: an id needs none.
    if "--org" in args or len(value("--id")) != 16 or "--json" not in args:
        sys.exit("Error: flag provided but not defined: -org, or no bucket")
    print(json.dumps({"id": value("--id"), "name": "telemetry"}, indent="\\t"))
    sys.exit()
if value("--org") != "homeroute" or "--json" not in args:
    sys.exit("Error: unknown organization, or a table that nobody parses")
if args[:2] == ["bucket", "create"]:
    if os.environ.get("BROKEN"):
        sys.exit("Error: failed to create bucket: bucket with name reporting already exists")
    print(json.dumps({"id": "2222222222222222", "name": value("--name"), "retentionPeriod": 1,
                      "shardGroupDuration": 1, "orgID": "0000000000000000"}, indent="\\t"))
elif args[:2] == ["auth", "create"]:
    ids = [args[i + 1] for i, a in enumerate(args) if a in ("--read-bucket", "--write-bucket")]
    if any(len(one) != 16 for one in ids):
        sys.exit("Error: invalid bucket ID (did you pass a bucket name instead of an ID?)")
    print(json.dumps({"id": "0a", "description": value("--description"),
                      "token": "secret+/of==" + value("--description")[:9], "status": "active",
                      "userName": "homeroute", "userID": "1", "permissions": []}, indent="\\t"))
else:
    sys.exit("Error: unknown command")
"""


def initialised(tmp_path: Path, **more: str) -> tuple[int, list[list[str]], Path]:
    """Run InfluxDB's first start's script: its exit code, what was asked, the tokens' folder."""
    tokens, asked, bin_ = (tmp_path / name for name in ("tokens", "asked", "bin"))
    tokens.mkdir()
    bin_.mkdir()
    (bin_ / "influx").write_text(INFLUX)
    (bin_ / "influx").chmod(0o755)
    environment = {
        "PATH": f"{bin_}:/usr/bin:/bin", "ASKED": str(asked), "HOMEROUTE_TOKENS": str(tokens),
        "DOCKER_INFLUXDB_INIT_ORG": "homeroute",
        "DOCKER_INFLUXDB_INIT_BUCKET_ID": "1111111111111111",
        "DOCKER_INFLUXDB_INIT_RETENTION": "2160h", **more,
    }  # fmt: skip
    # As the image does: by itself, so it must be executable and say who runs it.
    done = subprocess.run([INIT], env=environment, capture_output=True, text=True, check=False)
    lines = asked.read_text().splitlines()
    return done.returncode, [json.loads(line) for line in lines], tokens


def test_influxdb_s_first_start_makes_the_second_bucket_and_tokens_that_may_no_more(
    tmp_path: Path,
) -> None:
    code, asked, tokens = initialised(tmp_path)
    assert code == 0
    shards, bucket, *auths = asked
    told = dict(zip(shards[2:-1:2], shards[3::2], strict=True))
    days = {"--retention": "2160h", "--shard-group-duration": f"{SHARD_DAYS * 24}h"}
    assert told == {"--id": "1111111111111111", **days}
    assert bucket[bucket.index("--name") + 1] == "reporting"
    assert bucket[bucket.index("--retention") + 1] == f"{REPORTING_DAYS * 24}h"
    telemetry, reporting = "1111111111111111", "2222222222222222"
    given = [[a for a in auth if a.startswith(("--read", "--write", "1", "2"))] for auth in auths]
    assert given == [
        ["--write-bucket", telemetry, "--write-bucket", reporting],
        ["--read-bucket", telemetry, "--read-bucket", reporting],
        ["--read-bucket", reporting],
    ]
    held = {path.name: path.read_text() for path in tokens.iterdir()}
    assert set(held) == {"collector", "grafana", "evaluators"}
    assert held["collector"] == "secret+/of==Homeroute", "the token, whole, and no line break"
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o640 for path in tokens.iterdir())


def test_a_first_start_that_fails_says_so_and_leaves_no_token(tmp_path: Path) -> None:
    code, _, tokens = initialised(tmp_path, BROKEN="1")
    assert code != 0
    assert list(tokens.iterdir()) == []
