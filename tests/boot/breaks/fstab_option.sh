# expect: PROBLEM system mount
fstab 'none /data tmpfs sizze=1m 0 0'
