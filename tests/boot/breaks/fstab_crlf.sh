# expect: OK reached None
fstab "$(printf 'none /data tmpfs size=1m\r\nnone /more tmpfs size=1m 0 0\r')"
