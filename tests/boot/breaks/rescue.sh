# expect: WARNING system rescue
append="systemd.unit=rescue.target"
