# expect: PROBLEM system mount
fstab 'none /data nosuchfs defaults 0 0'
