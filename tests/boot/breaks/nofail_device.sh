# expect: OK reached None
fstab 'UUID=aaaaaaaa-0000-0000-0000-000000000002 /data ext4 nofail,x-systemd.device-timeout=5s 0 2'
