# expect: PROBLEM system unknown type
fstab 'none /data nosuchfs defaults 0 0'
