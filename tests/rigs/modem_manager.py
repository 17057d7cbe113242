"""ModemManager with one LTE modem, for python3-dbusmock: a template, loaded by its own program.

`mmcli` finds what it would find on a bus: the object manager, the modem, its 3GPP side
and its signal. Only what mmcli asks for is here. The IMEI is of no modem: planted.
"""

from __future__ import annotations

from typing import Any

import dbus  # type: ignore[import-not-found,unused-ignore]

BUS_NAME = "org.freedesktop.ModemManager1"
MAIN_OBJ = "/org/freedesktop/ModemManager1"
MAIN_IFACE = "org.freedesktop.ModemManager1"
SYSTEM_BUS = True
IS_OBJECT_MANAGER = True

IMEI = "861585040000000"
MODEM = f"{MAIN_OBJ}/Modem/0"
_MODEM = f"{MAIN_IFACE}.Modem"
_LTE, _REGISTERED, _HOME = 1 << 14, 8, 1


def load(mock: Any, _parameters: Any) -> None:
    """Add the modem; its signal is all absent until Setup was called."""
    mock.AddProperty(MAIN_IFACE, "Version", "1.20.4")
    mock.AddObject(
        MODEM,
        _MODEM,
        {
            "State": dbus.Int32(_REGISTERED),
            "AccessTechnologies": dbus.UInt32(_LTE),
            "EquipmentIdentifier": IMEI,
            "Manufacturer": "QUALCOMM INCORPORATED",
            "Model": "QUECTEL Mobile Broadband Module",
            "PrimaryPort": "cdc-wdm0",
            # mmcli 1.20 does not survive their absence.
            "Ports": dbus.Array([("cdc-wdm0", dbus.UInt32(6))], signature="(su)"),
            "Bearers": dbus.Array([], signature="o"),
            "SupportedCapabilities": dbus.Array([dbus.UInt32(12)], signature="u"),
            "SupportedModes": dbus.Array([(dbus.UInt32(8), dbus.UInt32(0))], signature="(uu)"),
            "CurrentModes": dbus.Struct((dbus.UInt32(8), dbus.UInt32(0)), signature="uu"),
            "SupportedBands": dbus.Array([], signature="u"),
            "CurrentBands": dbus.Array([], signature="u"),
            "OwnNumbers": dbus.Array([], signature="s"),
            "Drivers": dbus.Array(["qmi_wwan"], signature="s"),
            "UnlockRetries": dbus.Dictionary({dbus.UInt32(3): dbus.UInt32(3)}, signature="uu"),
            "SimSlots": dbus.Array([], signature="o"),
            "Sim": dbus.ObjectPath("/"),
            "SignalQuality": dbus.Struct((dbus.UInt32(67), dbus.Boolean(True)), signature="ub"),
        },
        [],
    )
    modem = mock_of(MODEM)
    modem.AddProperties(
        f"{_MODEM}.Modem3gpp",
        {
            "Imei": IMEI,
            "OperatorName": "AT&T",
            "OperatorCode": "310410",
            "Pco": dbus.Array([], signature="(ubay)"),
            "RegistrationState": dbus.UInt32(_HOME),
        },
    )
    nothing = dbus.Dictionary({}, signature="sv")
    modem.AddProperties(
        f"{_MODEM}.Signal",
        {"Rate": dbus.UInt32(0), "Lte": nothing, "Nr5g": nothing, "Umts": nothing, "Gsm": nothing},
    )
    figures = "{'rsrp': -92.0, 'rsrq': -9.0, 'rssi': -64.0, 'snr': 19.2}"
    modem.AddMethod(
        f"{_MODEM}.Signal",
        "Setup",
        "u",
        "",
        f"self.props['{_MODEM}.Signal'].update({{'Rate': args[0], "
        f"'Lte': dbus.Dictionary({figures}, signature='sv')}})",
    )


def mock_of(path: str) -> Any:
    """The mock of an object that was added."""
    import dbusmock  # type: ignore[import-not-found,unused-ignore]

    return dbusmock.get_object(path)
