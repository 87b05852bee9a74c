# expect: PROBLEM system device timeout
fstab 'UUID=aaaaaaaa-0000-0000-0000-000000000002 /data ext4 defaults,x-systemd.device-timeout=5s 0 2'
