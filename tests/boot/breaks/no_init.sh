# expect: PROBLEM initrd no init
gone /usr/sbin/init /usr/bin/sh
