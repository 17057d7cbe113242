"""Small feeds as zips, whatever exporters do to them; made here, by hand."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from datetime import date
from pathlib import Path

FEED = {
    "agency.txt": "agency_name,agency_url,agency_timezone\nBluff County,http://a.example,"
    "America/Denver\n",
    "routes.txt": "route_id,route_short_name,route_long_name,route_type\n"
    "r1,12,Heron Creek,712\nr2,,Night Line,3\nr3,T,Tram,0\n",
    "trips.txt": "route_id,service_id,trip_id,shape_id\n"
    "r1,wk,am1,s1\nr1,wk,am2,s1\nr2,wk,night,\nr3,wk,tram,\nr2,sat,sat1,\n",
    "stops.txt": "stop_id,stop_name,stop_lat,stop_lon\n"
    "a,Alder,40.00,-105.00\nb,Bramble,40.01,-105.00\nc,Cinder,40.01,-105.02\nd,,40.02,-105.02\n",
    # Not in order, and the road comes back to where it began.
    "shapes.txt": "shape_id,shape_pt_lat,shape_pt_lon,shape_pt_sequence\n"
    "s1,40.01,-105.00,2\ns1,40.00,-105.00,1\ns1,40.01,-105.02,3\ns1,40.00,-105.02,4\n"
    "s1,40.00,-105.00,5\n",
    "stop_times.txt": "trip_id,arrival_time,departure_time,stop_id,stop_sequence\n"
    "am1,07:00:00,07:00:00,a,1\nam1,07:05:00,07:05:30,b,2\nam1,07:10:00,07:10:00,c,3\n"
    "am1,07:20:00,07:20:00,a,9\n"
    "am2,07:10:00,07:10:00,a,1\nam2,,,b,2\nam2,07:20:00,07:20:00,c,3\n"
    "am2,07:30:00,07:30:00,a,9\n"
    "night,24:50:00,24:50:00,a,1\nnight,24:50:00,24:50:00,b,2\nnight, 25:10:00,25:10:00,d,3\n"
    "tram,08:00:00,08:00:00,a,1\ntram,08:10:00,08:10:00,d,2\n"
    "sat1,09:00:00,09:00:00,a,1\nsat1,09:15:00,09:15:00,d,2\n",
    "calendar.txt": "service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,"
    "start_date,end_date\nwk,1,1,1,1,1,0,0,20261102,20261113\n",
    "calendar_dates.txt": "service_id,date,exception_type\nwk,20261111,2\nsat,20261107,1\n",
}
MONDAY, HOLIDAY, SATURDAY = date(2026, 11, 2), date(2026, 11, 11), date(2026, 11, 7)
ZONE = "America/Denver"


def zipped(
    path: Path,
    changed: Mapping[str, str | bytes | None] | None = None,
    *,
    folder: str = "",
    bom: bool = True,
) -> Path:
    """The feed with some files changed, or left out (None); text gets a byte order mark."""
    files = {**FEED, **(changed or {})}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            if content is not None:
                mark = "\ufeff" if bom and isinstance(content, str) else ""
                archive.writestr(folder + name, mark + content if mark else content)  # type: ignore[operator]
    return path
