# expect: PROBLEM system init died
inode /usr/lib/x86_64-linux-gnu/libc.so.6 size 4096
