"""The preset dictionary of wire version 1: text that a minute's body resembles.

It belongs to the version: changing a byte makes every batch unreadable to the
other side, so it stays as it is while the major version is 1, whatever is added
to the measurements. A test holds its checksum.
"""

DICTIONARY_1 = (
    '{"k":"hotspot","t":1,"usage":{"t":[0],"carrier":["unknown"],"down_bytes":[,"up_bytes":[,'
    '"active_hours":[,"filter_check":{"t":[0],"filter":["dnsmasq"],"canary_blocked":[true],"f'
    'ilter_live":[true]},"session":{"t":[0,1,1],"ssid":[,"cause":["interim","left","silent","'
    'restart","shutdown"],"client":[1,2,3,4,5,6,7,8],"started_min":[299,"session_s":[600,1200'
    ',"open":[true,true,false,false],"down_bytes":[null,null],"up_bytes":[null,null]},"filter'
    '":{"t":[0,1,1],"category":["adult","games","social","adverts","video","uncategorized"],"'
    'action":["blocked","blocked"],"hits":[1,2,3],"clients":[1,1,1,2]},"activity":{"t":[0],"d'
    'efinition":[","],"active_clients":[,"learning_clients":[,"learning_clients_strict":[,"le'
    'arning_clients_loose":[,"lookups":[,"classified_lookups":[,"agent":{"t":[0],"version":["'
    '0.1.0"],"sampled":[,"stored":[,"refused":[0],"dropped":[0],"spooled":[,"spool_bytes":[,"'
    'sampler_errors":[0],"config_version":[0]},"health":{"t":[0],"uptime_s":[,"cpu_ratio":[0.'
    ',"memory_ratio":[0.,"disk_ratio":[0.,"temperature_c":[,"undervoltage":[false],"throttled'
    '":[false],"clock_offset_ms":[,"position":{"t":[0,10000,10000,10000,10000,10000],"lat":[,'
    '"lon":[-,"fix":[3,3,3,3,3,3],"speed_mps":[,"heading_deg":[,"accuracy_m":[,"uplink":{"t":'
    '[0,10000,10000,10000,10000,10000],"interface":["wwan0","wwan0","wwan0","wwan0","wwan0","'
    'wwan0"],"technology":["lte","lte","lte","lte","lte","lte"],"carrier":["unknown","unknown'
    '","unknown","unknown","unknown","unknown"],"state":[2,2,2,2,2,2],"rtt_ms":[null,"loss_ra'
    'tio":[0.0,0.0,0.0,0.0,0.0,0.0],"rsrp_dbm":[-,"rsrq_db":[-,"sinr_db":[,"traffic":{"t":[0,'
    '0,10000,0,10000,0,10000,0,10000,0,10000,0],"role":["wan","lan","wan","lan","wan","lan","'
    'wan","lan","wan","lan","wan","lan"],"interface":["wwan0","wlan0","wwan0","wlan0","wwan0"'
    ',"wlan0","wwan0","wlan0","wwan0","wlan0","wwan0","wlan0"],"down_bytes":[,"up_bytes":[,"i'
    'nterval_s":[10.0,10.0,10.0,10.0,10.0,10.0,10.0,10.0,10.0,10.0,10.0,10.0],"resets":[0,0,0'
    ',0,0,0,0,0,0,0,0,0]},{"k":"bus","t":179,"m":{"wifi":{"t":[0,10000,10000,10000,10000,1000'
    '0],"ssid":["bus","bus","bus","bus","bus","bus"],"band":["2.4","unknown","5","5","5","5",'
    '"5","5"],"clients":[,"clients_peak":[,"associated":[0,0,0,0,0,0],"disassociated":[0,0,0,'
    '0,0,0],"randomized":['
).encode("ascii")
