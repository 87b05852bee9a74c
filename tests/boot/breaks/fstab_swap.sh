# expect: OK reached None
fstab 'UUID=aaaaaaaa-0000-0000-0000-000000000003 none swap sw,x-systemd.device-timeout=5s 0 0'
